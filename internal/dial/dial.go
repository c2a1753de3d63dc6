// Package dial has the options with which every client of Temporal connects. It does not connect.
package dial

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// Options returns the options.
func Options() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithChainUnaryInterceptor(omitUnprintable)}
}

// resourceHeader is the header in which the SDK repeats the id of a workflow, so that a proxy can route by it. The
// request itself has the id too.
const resourceHeader = "temporal-resource-id"

// omitUnprintable leaves the header with the id of a workflow out of a call if gRPC would refuse its value. Anybody can
// start a workflow under an id that is not ASCII. Without omitUnprintable no worker could answer for such a workflow,
// and it would stay open until its timeout.
func omitUnprintable(
	ctx context.Context,
	method string,
	in, out any,
	connection *grpc.ClientConn,
	call grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	if headers, ok := metadata.FromOutgoingContext(ctx); ok {
		unprintable := func(c rune) bool { return c < ' ' || c > '~' }
		if slices.ContainsFunc(headers[resourceHeader], func(value string) bool {
			return strings.ContainsFunc(value, unprintable)
		}) {
			delete(headers, resourceHeader) // FromOutgoingContext returns a copy
			ctx = metadata.NewOutgoingContext(ctx, headers)
		}
	}
	return call(ctx, method, in, out, connection, options...)
}
