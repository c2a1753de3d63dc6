package deploy

import (
	"os"
	"strings"
	"testing"
)

// Compose cannot read versions.env for the tag of an image, so docker-compose.yml repeats the version of Temporal.
func TestCompose_hasTheSameTemporal(t *testing.T) {
	compose, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	want := "image: temporalio/temporal:" + strings.TrimPrefix(TemporalVersion(), "v")
	if !strings.Contains(string(compose), want+"\n") {
		t.Errorf("docker-compose.yml lacks %q: it runs another Temporal than versions.env pins", want)
	}
}
