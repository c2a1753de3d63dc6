//go:build unix

package apiserver

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"testing"
	"time"
)

// BenchmarkPredictConnection calls the servers over a connection on loopback, one request after the other. Besides the
// wall time it reports the processor time of the whole process. The client has the same share of it for all servers.
func BenchmarkPredictConnection(b *testing.B) {
	for _, s := range subjects(b) {
		b.Run(s.name, func(b *testing.B) {
			conn := dialAPI(b, s.server())
			request := fmt.Appendf(
				nil,
				"POST %s HTTP/1.1\r\nHost: iris\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
				s.path,
				len(s.body),
				s.body,
			)
			buf := make([]byte, 8<<10)
			b.ReportAllocs()
			start := processorTime(b)
			for b.Loop() {
				exchangeRaw(b, conn, request, buf)
			}
			b.ReportMetric(float64(processorTime(b)-start)/float64(b.N), "cpu-ns/op")
		})
	}
}

// dialAPI starts a server and connects to it.
func dialAPI(b *testing.B, server *http.Server) net.Conn {
	b.Helper()
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(l)
	}()
	b.Cleanup(func() {
		_ = server.Close()
		<-ended
	})
	conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return conn
}

// exchangeRaw sends a request and reads the answer, which ends in a newline.
func exchangeRaw(b *testing.B, conn net.Conn, request, buf []byte) {
	if _, err := conn.Write(request); err != nil {
		b.Fatal(err)
	}
	for n := 0; !bytes.HasSuffix(buf[:n], []byte("}\n")); {
		more, err := conn.Read(buf[n:])
		if err != nil {
			b.Fatal(err)
		}
		n += more
	}
	if !bytes.HasPrefix(buf, []byte("HTTP/1.1 200 ")) {
		b.Fatalf("%.200s", buf)
	}
}

func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
