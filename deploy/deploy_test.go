package deploy

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestVersions_arePinned(t *testing.T) {
	tests := map[string]struct{ got, want string }{
		"temporal": {TemporalVersion(), `^v\d+\.\d+\.\d+$`},
		"minio":    {MinIOVersion(), `^v0\.0\.0-\d{14}-[0-9a-f]{12}$`},
		"mlflow":   {MLflowVersion(), `^\d+\.\d+\.\d+$`},
		"scikit":   {ScikitLearnVersion(), `^\d+\.\d+\.\d+$`},
		"catboost": {CatBoostVersion(), `^\d+\.\d+\.\d+$`},
		"triton":   {TritonClientVersion(), `^\d+\.\d+\.\d+$`},
		"fastapi":  {FastAPIVersion(), `^\d+\.\d+\.\d+$`},
		"mlserver": {MLServerVersion(), `^\d+\.\d+\.\d+$`},
		"pandas":   {PandasVersion(), `^\d+\.\d+\.\d+$`},
		"hash":     {Hash(Requirements()), `^[0-9a-f]{8}$`},
	}
	for name, test := range tests {
		if !regexp.MustCompile(test.want).MatchString(test.got) {
			t.Errorf("the version of %s is %q, want one like %s", name, test.got, test.want)
		}
	}
}

// Each archive belongs to the pinned version, so a version that changes without its hashes fails here.
func TestTemporalArchive(t *testing.T) {
	const at = "https://github.com/temporalio/cli/releases/download/v1.5.1/"
	for _, platform := range []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64"} {
		goos, goarch, _ := strings.Cut(platform, "/")
		archive, ok := TemporalArchive(goos, goarch)
		want := at + "temporal_cli_1.5.1_" + goos + "_" + goarch + ".tar.gz"
		if !ok || archive.URL != want || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(archive.SHA256) {
			t.Errorf("%s: %+v, %t; want %s with a SHA-256", platform, archive, ok, want)
		}
	}
	if archive, ok := TemporalArchive("plan9", "386"); ok {
		t.Errorf("plan9/386: %+v, want none", archive)
	}
}

// Every line pins one package to one version. No line names an index or a URL, because the installer chooses those.
func TestRequirements_arePinned(t *testing.T) {
	postgres, err := os.ReadFile("requirements-postgres.txt")
	if err != nil {
		t.Fatal(err)
	}
	pinned := regexp.MustCompile(`^[a-z0-9-]+==[0-9][0-9a-z.]*( ; [^@]+)?$`)
	seen := 0
	for line := range strings.Lines(InteropRequirements() + BenchRequirements() + TritonClientRequirements() +
		FastAPIRequirements() + MLServerRequirements() + BatchRequirements() + TablesRequirements() + string(postgres)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		seen++
		if !pinned.MatchString(line) {
			t.Errorf("%q does not pin one package to one version", line)
		}
	}
	for _, name := range []string{"mlflow", "boto3"} {
		if !strings.Contains(Requirements(), "\n"+name+"==") {
			t.Errorf("%s is missing", name)
		}
	}
	if seen < 80 {
		t.Errorf("%d packages are pinned, but MLflow needs more", seen)
	}
}

func TestValue(t *testing.T) {
	const text = "# A=0\nAB=1\nA=2 ; a marker\nC=\n"
	for key, want := range map[string]string{"A=": "2", "AB=": "1", "C=": "", "D=": ""} {
		if got := value(text, key); got != want {
			t.Errorf("value(%q) = %q, want %q", key, got, want)
		}
	}
}
