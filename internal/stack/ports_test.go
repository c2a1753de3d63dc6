package stack

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

// listen listens on a free port until the end of the test.
func listen(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().(*net.TCPAddr).Port
}

// Start refuses a busy port before it starts anything. The test has no programs to start.
func TestStart_busyPort(t *testing.T) {
	tests := []struct {
		setting, name string
		ports         func(busy int) Ports
	}{
		{"IRIS_TEMPORAL_PORT", "Temporal", func(n int) Ports { return Ports{Temporal: n} }},
		{"IRIS_TEMPORAL_UI_PORT", "Temporal UI", func(n int) Ports { return Ports{TemporalUI: n} }},
		{"IRIS_S3_PORT", "S3", func(n int) Ports { return Ports{S3: n} }},
		{"IRIS_S3_CONSOLE_PORT", "MinIO console", func(n int) Ports { return Ports{S3Console: n} }},
		{"IRIS_MLFLOW_PORT", "MLflow", func(n int) Ports { return Ports{MLflow: n} }},
	}
	for _, test := range tests {
		t.Run(test.setting, func(t *testing.T) {
			busy := listen(t)
			_, err := Start(t.Context(), Options{DataDir: t.TempDir(), Ports: test.ports(busy)})
			want := fmt.Sprintf("port %d (%s) is in use: stop what listens there or set %s", busy, test.name, test.setting)
			if err == nil || err.Error() != want {
				t.Errorf("error %v, want %q", err, want)
			}
		})
	}
}

func TestStart_namesEveryBusyPort(t *testing.T) {
	ports := Ports{S3: listen(t), Temporal: listen(t), MLflow: listen(t)}
	_, err := Start(t.Context(), Options{DataDir: t.TempDir(), Ports: ports})
	wantError(t, err, SettingS3Port, SettingTemporalPort, SettingMLflowPort)
}

func TestListener_checkOfAnImpossiblePort(t *testing.T) {
	err := listener{name: "S3", setting: SettingS3Port, number: 70_000}.check()
	wantError(t, err, "port 70000 (S3) cannot be used: set IRIS_S3_PORT", "invalid port")
}

func TestClaim(t *testing.T) {
	given, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	got, err := claim(Ports{S3: given}.of(MinIO))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0] != given || got[1] == 0 || got[1] == given {
		t.Errorf("claimed %v, want %d and a free one", got, given)
	}
}

func TestDefaultPorts_areTheOnesInTheDocs(t *testing.T) {
	if got, want := fmt.Sprint(DefaultPorts()), "{7233 8233 9000 9001 5000}"; got != want {
		t.Errorf("DefaultPorts() = %s, want %s", got, want)
	}
	for _, part := range AllParts() {
		for _, l := range DefaultPorts().of(part) {
			if l.number == 0 || !strings.HasPrefix(l.setting, "IRIS_") {
				t.Errorf("%s: port %d, setting %q", l.name, l.number, l.setting)
			}
		}
	}
}
