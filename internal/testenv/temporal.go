package testenv

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"iris/internal/dial"
	"iris/internal/stack"
)

// Temporal returns a client with its own namespace, so that two tests never share task queues, workflow ids or lists.
// The client closes when the test ends. Workers must stop before: use defer, or a t.Cleanup after this call.
func Temporal(t testing.TB) client.Client {
	t.Helper()
	return connect(t, need(t, stack.Temporal).Temporal, Namespace(t))
}

// Namespace registers a new Temporal namespace and returns its name.
func Namespace(t testing.TB) string {
	t.Helper()
	c := connect(t, need(t, stack.Temporal).Temporal, client.DefaultNamespace)
	name := Name()
	service := c.WorkflowService()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if _, err := service.RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace:                        name,
		WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	}); err != nil {
		t.Fatalf("register namespace %s: %v", name, err)
	}
	return name
}

// connect connects to the server. The client logs warnings to standard error.
func connect(t testing.TB, hostPort, namespace string) client.Client {
	t.Helper()
	c, err := client.DialContext(t.Context(), client.Options{
		HostPort:          hostPort,
		Namespace:         namespace,
		ConnectionOptions: client.ConnectionOptions{DialOptions: dial.Options()},
		Logger: log.NewStructuredLogger(
			slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		),
	})
	if err != nil {
		t.Fatalf("dial %s: %v", hostPort, err)
	}
	t.Cleanup(c.Close)
	return c
}
