package stack

import (
	"path/filepath"
	"testing"

	"iris/deploy"
)

func TestFind(t *testing.T) {
	bin := tools(t, map[string]string{"go": fakeGo, "temporal": `echo "temporal version 1.99.0"`})
	dir := t.TempDir()
	_, err := Find(t.Context(), dir, AllParts()...)
	wantError(t, err, "minio "+deploy.MinIOVersion(), "mlflow "+deploy.MLflowVersion()+" not installed in "+dir)
	if left, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(left) != 0 {
		t.Errorf("Find made %v, %v; want it to leave the folder alone", left, err)
	}

	installed, err := Install(t.Context(), InstallOptions{Dir: dir, Parts: []Part{MinIO}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Find(t.Context(), dir, MinIO, Temporal)
	if want := (Paths{MinIO: installed.MinIO, Temporal: filepath.Join(bin, "temporal")}); err != nil || got != want {
		t.Errorf("Find returned %+v, %v; want %+v", got, err, want)
	}
}
