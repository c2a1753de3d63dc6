package chaos

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// proxy stands between the processes of Iris and one dependency. It reads each request whole, finds the case to which
// the request belongs, and gives the request its fate. It has a listener for each process, so that it knows the sender.
type proxy struct {
	at      dependency
	target  string // host:port
	client  http.RoundTripper
	servers []*http.Server

	mu      sync.Mutex
	ledgers []*ledger
	full    bool // S3 refuses to write, as on a full disk
}

func newProxy(at dependency, target string) *proxy {
	transport := &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	if at == temporalDep {
		transport.Protocols = plainHTTP2()
	}
	return &proxy{at: at, target: target, client: transport}
}

// plainHTTP2 is what gRPC speaks without TLS.
func plainHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// listen returns the address of the dependency for one process.
func (p *proxy) listen(sender *program) (address string, err error) {
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, sender) }),
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	if p.at == temporalDep {
		server.Protocols = plainHTTP2()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	p.servers = append(p.servers, server)
	go func() { _ = server.Serve(l) }() // the error says that the proxy was closed
	return l.Addr().String(), nil
}

func (p *proxy) close() {
	for _, s := range p.servers {
		_ = s.Close()
	}
}

// watch makes the proxy count the requests of a case, and disturb them.
func (p *proxy) watch(l *ledger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledgers = append(p.ledgers, l)
}

// forget ends watch.
func (p *proxy) forget(l *ledger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ledgers = slices.DeleteFunc(p.ledgers, func(other *ledger) bool { return other == l })
}

// serve gives a request its fate.
func (p *proxy) serve(w http.ResponseWriter, r *http.Request, sender *program) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the client is gone
	}
	if p.isFull(r) {
		refuseFull(w)
		return
	}
	kind := kindOf(p.at, r)
	at := point{p.at, kind}
	owner := p.owner(r.URL.RequestURI(), plainText(p.at, body))
	var hit *rule
	if owner != nil {
		hit = owner.record(at)
	}
	if hit != nil && !p.before(w, r, body, sender, owner, hit) {
		return
	}
	a, err := p.forward(contextFor(r, hit), r, body)
	if err != nil {
		p.unreachable(w, err)
		return
	}
	switch {
	case owner != nil:
		owner.learn(a.body)
	case isPoll(kind):
		if owner = p.owner("", plainText(p.at, a.body)); owner != nil {
			hit = owner.record(at)
		}
	}
	if hit == nil || p.after(w, r, sender, hit) {
		a.send(w)
	}
}

// contextFor lets the service act on a disturbed request although its client is gone.
func contextFor(r *http.Request, hit *rule) context.Context {
	if hit == nil {
		return r.Context()
	}
	return context.WithoutCancel(r.Context())
}

// before does what a fault does before the service sees the request. It reports whether the service may see it.
func (p *proxy) before(
	w http.ResponseWriter, r *http.Request, body []byte, sender *program, owner *ledger, hit *rule,
) bool {
	switch hit.fate {
	case errorBefore:
		p.fail(w, r)
		return false
	case cutBefore:
		panic(http.ErrAbortHandler)
	case holdBefore:
		hold(r.Context())
		panic(http.ErrAbortHandler)
	case late:
		ctx := context.WithoutCancel(r.Context())
		time.AfterFunc(lateness, func() {
			if a, err := p.forward(ctx, r, body); err == nil {
				owner.learn(a.body)
			}
		})
		panic(http.ErrAbortHandler)
	case delay:
		time.Sleep(slowness)
	case killBefore:
		hit.do(sender)
		panic(http.ErrAbortHandler)
	default:
		if !hit.fate.acted() {
			hit.do(sender)
		}
	}
	return true
}

// after does what a fault does after the service has acted. It reports whether the client gets the answer.
func (p *proxy) after(w http.ResponseWriter, r *http.Request, sender *program, hit *rule) bool {
	switch hit.fate {
	case errorAfter:
		p.fail(w, r)
		return false
	case holdAfter:
		hold(r.Context())
		panic(http.ErrAbortHandler)
	case cutAfter, cutBefore, holdBefore, late, errorBefore: // a poll has only what comes after it
		panic(http.ErrAbortHandler)
	case killAfter, killBefore:
		hit.do(sender)
		panic(http.ErrAbortHandler)
	case delay:
	default:
		hit.do(sender)
	}
	return true
}

// isPoll reports whether only the answer of a request tells to which case it belongs.
func isPoll(kind string) bool { return strings.HasPrefix(kind, "Poll") }

// hold waits until the client gives up.
func hold(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, longestTry)
	defer cancel()
	<-ctx.Done()
}

func (p *proxy) owner(line string, body []byte) *ledger {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.ledgers {
		if l.owns(line, body) {
			return l
		}
	}
	return nil
}

// answer is a response, read whole.
type answer struct {
	*http.Response
	body []byte
}

func (p *proxy) forward(ctx context.Context, r *http.Request, body []byte) (answer, error) {
	out := r.Clone(ctx)
	out.RequestURI = ""
	out.URL.Scheme, out.URL.Host = "http", p.target
	if p.at != s3Dep { // S3 must see the host that its client signed
		out.Host = p.target
	}
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if len(body) == 0 {
		out.Body = http.NoBody
	}
	if r.ContentLength >= 0 {
		out.TransferEncoding = nil
	}
	response, err := p.client.RoundTrip(out)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	read, err := io.ReadAll(response.Body)
	return answer{response, read}, err
}

// send passes an answer to the client.
func (a answer) send(w http.ResponseWriter) {
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.StatusCode)
	_, _ = w.Write(a.body) // the client may be gone
	for name, values := range a.Trailer {
		w.Header()[http.TrailerPrefix+name] = values
	}
}

// fail answers as a dependency with a defect does.
func (p *proxy) fail(w http.ResponseWriter, r *http.Request) {
	const words = "a fault of the suite"
	switch p.at {
	case temporalDep:
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", "14") // unavailable
		w.Header().Set("Grpc-Message", words)
	case s3Dep:
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusInternalServerError)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, "<Error><Code>InternalError</Code><Message>"+words+"</Message></Error>")
		}
	default:
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"error_code":"INTERNAL_ERROR","message":"`+words+`"}`)
	}
}

// isFull reports whether a request writes to a disk that is full.
func (p *proxy) isFull(r *http.Request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.full && (r.Method == http.MethodPut || r.Method == http.MethodPost)
}

func (p *proxy) setFull(full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.full = full
}

// refuseFull answers as MinIO does on a full disk.
func refuseFull(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusInsufficientStorage)
	_, _ = io.WriteString(w, "<Error><Code>XMinioStorageFull</Code><Message>the disk is full</Message></Error>")
}

// unreachable ends the connection of a client whose dependency is down, as the dependency would.
func (p *proxy) unreachable(w http.ResponseWriter, err error) {
	if p.at == temporalDep && !errors.Is(err, context.Canceled) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", "14")
		w.Header().Set("Grpc-Message", "connection refused")
		return
	}
	panic(http.ErrAbortHandler)
}

func (l *ledger) owns(line string, body []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, token := range l.tokens {
		if strings.Contains(line, token) || bytes.Contains(body, []byte(token)) {
			return true
		}
	}
	return false
}

// record counts a request and returns the fault that hits it, or nil.
func (l *ledger) record(p point) *rule {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts[p]++
	for _, r := range l.rules {
		if r.point == p && r.take(time.Now()) {
			return r
		}
	}
	return nil
}

// made matches the ids of runs and logged models, by which later requests name them.
var made = regexp.MustCompile(`"(?:run_id|model_id)":\s*"((?:m-)?[0-9a-f]{32})"`)

// learn adds the ids in an answer to the tokens.
func (l *ledger) learn(body []byte) {
	found := made.FindAllSubmatch(body, -1)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, match := range found {
		if id := string(match[1]); !slices.Contains(l.tokens, id) {
			l.tokens = append(l.tokens, id)
		}
	}
}

// plainText returns the body of a request as text that contains its ids. The messages of gRPC may be compressed.
func plainText(at dependency, body []byte) []byte {
	const head = 5 // a flag and the length of the message
	if at != temporalDep || len(body) < head || body[0] == 0 {
		return body
	}
	length := int(binary.BigEndian.Uint32(body[1:head]))
	unpacked, err := gzip.NewReader(bytes.NewReader(body[head:min(len(body), head+length)]))
	if err != nil {
		return body
	}
	text, err := io.ReadAll(unpacked)
	if err != nil {
		return body
	}
	return text
}
