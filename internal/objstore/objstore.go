// Package objstore keeps objects in S3: everything of Iris that grows with the data. It is not a cache, and JSON is the
// only format it knows.
//
// It is a thin layer over minio-go and the only package that imports it. A Ref names an object. An upload of unknown
// size takes the memory of one part, and leaves nothing behind when it fails. A server that is down is ErrUnavailable
// within three seconds. layout.go defines every key of the bucket.
package objstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// Limits of the connection. They decide how soon a server that is down is ErrUnavailable.
const (
	// dialTimeout is for a host that drops packets. A refused connection fails immediately.
	dialTimeout = time.Second
	// attempts bounds how often a request is sent. minio-go waits up to 0.2, 0.4 and 0.8 s in between, at random. Its
	// default of 10 attempts takes longer than a client of the API waits.
	attempts = 3
)

// defaultRegion is the region that MinIO reports. With a region, minio-go does not look one up before its first
// request.
const defaultRegion = "us-east-1"

// Options says which S3 server to use.
type Options struct {
	Endpoint  string // host:port, or a URL http(s)://host:port whose scheme overrides Secure
	AccessKey string
	SecretKey string
	Region    string // us-east-1 when empty
	Secure    bool   // TLS

	// PublicEndpoint is where clients of Iris reach the same server, in the form of Endpoint. Links use it. It is Endpoint
	// when empty.
	PublicEndpoint string
}

// Store is a client of one S3 server. Several goroutines may use it.
type Store struct {
	client minio.Core
	public *minio.Client // signs links and never connects
	region string
}

// New returns a client. It does not connect; Check does.
func New(o Options) (*Store, error) {
	switch {
	case o.Endpoint == "":
		return nil, errors.New("objstore: Options.Endpoint is empty")
	case o.AccessKey == "":
		return nil, errors.New("objstore: Options.AccessKey is empty")
	case o.SecretKey == "":
		return nil, errors.New("objstore: Options.SecretKey is empty")
	}
	if o.Region == "" {
		o.Region = defaultRegion
	}
	client, err := newClient(o, o.Endpoint)
	if err != nil {
		return nil, err
	}
	store := &Store{client: minio.Core{Client: client}, public: client, region: o.Region}
	if o.PublicEndpoint != "" {
		store.public, err = newClient(o, o.PublicEndpoint)
	}
	return store, err
}

// newClient returns a client of an endpoint. It does not connect.
func newClient(o Options, address string) (*minio.Client, error) {
	endpoint := address
	if scheme, host, found := strings.Cut(endpoint, "://"); found {
		if scheme != "http" && scheme != "https" {
			return nil, fmt.Errorf("objstore: endpoint %s: want host:port or http(s)://host:port", address)
		}
		endpoint, o.Secure = strings.TrimSuffix(host, "/"), scheme == "https"
	}
	transport, err := newTransport(o.Secure)
	if err != nil {
		return nil, fmt.Errorf("objstore: %w", err)
	}
	client, err := minio.New(endpoint, &minio.Options{
		Creds:      credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""),
		Secure:     o.Secure,
		Region:     o.Region,
		Transport:  transport,
		MaxRetries: attempts,
	})
	if err != nil {
		return nil, fmt.Errorf("objstore: endpoint %s: %w", address, err)
	}
	return client, nil
}

func newTransport(secure bool) (*http.Transport, error) {
	transport, err := minio.DefaultTransport(secure)
	if err != nil {
		return nil, err
	}
	transport.DialContext = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext
	transport.ResponseHeaderTimeout = 0 // patience bounds the wait: it knows what the store waits for
	return transport, nil
}

// Check reports whether S3 answers and accepts the keys. Valid keys may lack the permission to list buckets.
func (s *Store) Check(ctx context.Context) error {
	ctx, wait := withPatience(ctx, answerTimeout)
	defer wait.release()
	_, err := s.client.ListBuckets(ctx)
	if minio.ToErrorResponse(err).Code == minio.AccessDenied {
		return nil
	}
	return translate(ctx, "check S3", err)
}
