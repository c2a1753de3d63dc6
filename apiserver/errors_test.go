package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"go.temporal.io/api/serviceerror"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/internal/dataset"
	"iris/internal/jsonrow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/model"
)

func TestProblemOf(t *testing.T) {
	timeout, cancel := context.WithTimeoutCause(t.Context(), 0, httpio.ErrNoAnswer)
	defer cancel()
	<-timeout.Done()
	for _, test := range []struct {
		name   string
		err    error
		status int
		logged bool
	}{
		{"a problem", problem.NotFound("x"), 404, false},
		{"syntax", &jsonrow.SyntaxError{Offset: 3, Reason: "x"}, 400, false},
		{"a row", &dataset.RowError{Line: 3, Reason: "x"}, 422, false},
		{"a spec", &model.SpecError{Pointer: "/seed", Reason: "x"}, 422, false},
		{"too large", dataset.ErrTooLarge, 413, false},
		{"S3 is down", objstore.ErrUnavailable, 503, true},
		{"the registry is down", registry.ErrUnavailable, 503, true},
		{"Temporal is down", serviceerror.NewUnavailable("x"), 503, true},
		{"Temporal is slow", serviceerror.NewDeadlineExceeded("x"), 503, true},
		{"Temporal is busy", serviceerror.NewResourceExhausted(0, "x"), 503, true},
		{"no answer", timeout.Err(), 503, true},
		{"no connection", &net.OpError{Op: "dial", Err: errors.New("refused")}, 503, true},
		{"a bug", errors.New("secret"), 500, true},
		{"a corrupt version", registry.ErrCorrupt, 500, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := problemOf(fmt.Errorf("doing this: %w", fmt.Errorf("doing that: %w", test.err)))
			if p.Status != test.status || (p.Cause != nil) != test.logged {
				t.Errorf("got %d with cause %v, want %d", p.Status, p.Cause, test.status)
			}
			if test.logged && strings.Contains(p.Detail, "doing") {
				t.Errorf("detail %q has internals", p.Detail)
			}
			if (p.Header.Get("Retry-After") != "") != (test.status == 503) {
				t.Errorf("Retry-After %q", p.Header.Get("Retry-After"))
			}
		})
	}
}

func TestProblemOfHuma_places(t *testing.T) {
	for location, want := range map[string]problem.Fault{
		"body":            {},
		"body.version":    {Pointer: "/version"},
		"body.a[3].b":     {Pointer: "/a/3/b"},
		"query.page_size": {Parameter: "page_size"},
		"path.task_id":    {Parameter: "task_id"},
	} {
		p := problemOfHuma(
			&huma.ErrorModel{
				Status: 422,
				Detail: "validation failed",
				Errors: []*huma.ErrorDetail{{Message: "is wrong", Location: location}},
			},
		)
		told{*p}.faultAt(t, want)
		if !strings.Contains(p.Detail, "is wrong") {
			t.Errorf("%s: detail %q", location, p.Detail)
		}
	}
}
