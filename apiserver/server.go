package apiserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/serving"
)

const (
	headerTimeout = 10 * time.Second // to send the header of a request
	idleTimeout   = 2 * time.Minute  // between the requests of a connection
	drainTimeout  = 15 * time.Second
	maxHeader     = 64 << 10 // bytes
)

// Server serves the HTTP API, and the Open Inference Protocol over gRPC.
type Server struct {
	Options
	router *router
	resources

	drain time.Duration // for running requests when the server stops; after it they are cut off
}

// New returns a Server that has not been started. The error names the option that is missing or invalid.
func New(o Options) (*Server, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	s := &Server{Options: o, drain: drainTimeout}
	s.bulk = httpio.NewBulk()
	s.serving = serving.New(serving.Options{
		Cache: o.Cache, Registry: o.Registry, Bulk: s.bulk, DefaultModel: o.DefaultModel, MaxBody: o.MaxBody,
	})
	s.metrics = newMetrics(o.Cache, s.serving.Predictors)
	s.router = newRouter(o, s.metrics.http, s.serving.Draining)
	if err := s.resources.build(o, s.router); err != nil {
		return nil, err
	}
	s.addRoutes()
	return s, s.apiDocument.check()
}

// Handler returns the whole API as one handler.
func (s *Server) Handler() http.Handler { return s.router.handler }

// Run serves HTTP on l until ctx ends or serving fails. After ctx ends, the server is not ready but still serves for
// Options.DrainDelay, and each connection ends with its next answer. Then Run takes no more connections, lets running
// requests finish and returns nil. It closes l. A body or an answer has no fixed deadline, because it may be large and
// the client slow; the client only has to keep moving.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	server := s.httpServer()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	if err := s.linger(failed); err != nil {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drain)
	defer cancel()
	err := server.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		s.Logger.Warn("requests were cut off at shutdown", "after", s.drain)
		err = server.Close()
	}
	if served := <-failed; err == nil && !errors.Is(served, http.ErrServerClosed) {
		err = served
	}
	return err
}

// RunGRPC serves the Open Inference Protocol over gRPC on l, as Run serves HTTP.
func (s *Server) RunGRPC(ctx context.Context, l net.Listener) error {
	return s.inference.RunGRPC(ctx, l, s.linger, s.drain)
}

// linger makes the server unready, and returns after Options.DrainDelay: by then, a balancer that checks readiness
// sends no more requests. It returns early with the error of a server that has failed.
func (s *Server) linger(failed <-chan error) error {
	s.serving.Drain()
	delay := time.NewTimer(s.DrainDelay)
	defer delay.Stop()
	select {
	case err := <-failed:
		return err
	case <-delay.C:
		return nil
	}
}

// httpServer returns the server that Run runs. Its ReadTimeout does not bound a whole body: httpio moves the deadline
// while the body arrives. Small requests, which are most, need no system call for it.
func (s *Server) httpServer() *http.Server {
	return &http.Server{
		Handler:           s.router.handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       httpio.StallTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.Logger.Handler(), slog.LevelWarn),
	}
}
