package apiserver

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"iris/internal/inferencepb"
)

// A server that stops says first that it is not ready, in all protocols. Meanwhile it serves, and each connection ends
// with its next answer.
func TestRun_isUnreadyBeforeItStops(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.DrainDelay = time.Hour })
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	g := must(net.Listen("tcp", "127.0.0.1:0"))
	ctx, stop := context.WithCancel(t.Context())
	ended, grpcEnded := make(chan error, 1), make(chan error, 1)
	go func() { ended <- a.Run(ctx, l) }()
	go func() { grpcEnded <- a.RunGRPC(ctx, g) }()
	url := "http://" + l.Addr().String()
	conn := must(grpc.NewClient(g.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials())))
	defer conn.Close()
	health, inference := healthpb.NewHealthClient(conn), inferencepb.NewGRPCInferenceServiceClient(conn)

	get := func(path string) (int, string, bool) {
		t.Helper()
		response := must(http.Get(url + path))
		defer response.Body.Close()
		return response.StatusCode, string(must(io.ReadAll(response.Body))), response.Close
	}
	probes := []string{"/readyz", "/ping", "/health", "/v2/health/ready", "/v2/models/iris/ready"}
	for _, path := range probes {
		if status, body, closes := get(path); status != http.StatusOK || closes {
			t.Errorf("%s before the stop: %d %s, closes the connection: %v", path, status, body, closes)
		}
	}
	stop()
	eventually(t, "the server to be unready", func() bool {
		status, _, _ := get("/readyz")
		return status == http.StatusServiceUnavailable
	})
	for _, path := range probes {
		if status, body, closes := get(path); status != http.StatusServiceUnavailable || !closes {
			t.Errorf("%s while the server stops: %d %s, closes the connection: %v", path, status, body, closes)
		}
	}
	var ready Readiness
	_, body, _ := get("/readyz")
	if err := json.Unmarshal([]byte(body), &ready); err != nil || ready.Ready || !ready.Draining {
		t.Errorf("/readyz says %s (%v), want that the server drains", body, err)
	}
	if _, body, _ := get("/v1/models/iris"); !strings.Contains(body, `"ready":false`) {
		t.Errorf("KServe V1 says %s", body)
	}
	if status, _, _ := get("/healthz"); status != http.StatusOK {
		t.Errorf("/healthz says %d, but the process is alive", status)
	}
	if got := must(health.Check(t.Context(), &healthpb.HealthCheckRequest{})); got.GetStatus() !=
		healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("the health of gRPC is %s", got.GetStatus())
	}
	if must(inference.ServerReady(t.Context(), &inferencepb.ServerReadyRequest{})).GetReady() ||
		must(inference.ModelReady(t.Context(), &inferencepb.ModelReadyRequest{Name: "iris"})).GetReady() {
		t.Error("the server says over gRPC that it is ready")
	}

	response := must(http.Post(url+"/iris/predict", "application/json", strings.NewReader(setosa)))
	must(io.ReadAll(response.Body))
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK || !response.Close {
		t.Errorf("a prediction while the server stops: %d, closes the connection: %v", response.StatusCode, response.Close)
	}
	for _, end := range []func() error{l.Close, g.Close} {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	for what, ended := range map[string]chan error{"Run": ended, "RunGRPC": grpcEnded} {
		if err := <-ended; err == nil {
			t.Errorf("%s does not return that the listener failed", what)
		}
	}
}

// A connection that is idle ends with the server. A request that has begun is answered.
func TestRun_endsIdleConnections(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.DrainDelay = time.Millisecond })
	url, stop, returned := run(t, a.Server)
	idle := must(net.Dial("tcp", strings.TrimPrefix(url, "http://")))
	defer idle.Close()
	must(io.WriteString(idle, "GET /healthz HTTP/1.1\r\nHost: iris\r\n\r\n"))
	must(idle.Read(make([]byte, 16)))
	body, answered := slowRequest(t, a.Server, url)
	stop()
	if err := idle.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, idle); err != nil {
		t.Errorf("an idle connection ends with %v", err)
	}
	body.CloseWithError(nil)
	if got := <-answered; got != http.StatusNoContent {
		t.Errorf("the request under way got status %d", got)
	}
	if err := <-returned; err != nil {
		t.Error(err)
	}
}

// eventually polls until a condition holds. It is for conditions that cannot be waited for.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited 30 s for %s", what)
		}
	}
}
