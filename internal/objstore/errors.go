package objstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"

	"github.com/minio/minio-go/v7"
)

// Errors that callers handle, for errors.Is. Any other error is a bug or a wrong setting; its text says which.
var (
	// ErrNotExist means that the object or its bucket does not exist.
	ErrNotExist = errors.New("does not exist")
	// ErrChanged means that the object is no longer the one that the ETag names.
	ErrChanged = errors.New("has changed")
	// ErrNotModified means that the object is still the one that the ETag names.
	ErrNotModified = errors.New("has not changed")
	// ErrFull means that S3 has no room for an object. It is also ErrUnavailable.
	ErrFull = errors.New("the object store is full")
	// ErrUnavailable means that S3 did not answer, or that it cannot serve the request now. Try again later.
	ErrUnavailable = errors.New("S3 is unavailable")
	// ErrDenied means that S3 does not accept the keys, or that they lack a permission.
	ErrDenied = errors.New("S3 denies access")
	// ErrRefused means that S3 would refuse the same request again, for example for the length of a key.
	ErrRefused = errors.New("S3 refuses the request")
	// ErrUnreadable means that an object is not the JSON that it should be.
	ErrUnreadable = errors.New("is not readable")
)

// ErrNoBucket is the ErrNotExist of a bucket. A disk that is not mounted is a possible cause.
var ErrNoBucket = fmt.Errorf("the bucket %w", ErrNotExist)

// refusals are S3's codes for requests that fail again. The other codes of status 400 blame the connection: a body that
// was cut off, a part that is gone, a wrong checksum.
var refusals = []string{
	minio.EntityTooLarge, minio.EntityTooSmall, minio.InvalidArgument, minio.InvalidBucketName, minio.InvalidObjectState,
	minio.InvalidRange, minio.MethodNotAllowed, minio.XMinioInvalidObjectName, "KeyTooLongError",
}

// codeFull is MinIO's code for a full disk.
const codeFull = "XMinioStorageFull"

// translate adds what was being done to an error of minio-go, and wraps the sentinel that fits. The end of the caller's
// context does not become ErrUnavailable: it says nothing about S3.
func translate(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(context.Cause(ctx), errNoAnswer):
		return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, errNoAnswer)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	var answer minio.ErrorResponse
	if errors.As(err, &answer) {
		switch {
		case answer.Code == minio.NoSuchKey:
			return fmt.Errorf("%s: %w", doing, ErrNotExist)
		case answer.Code == minio.NoSuchBucket:
			return fmt.Errorf("%s: %w", doing, ErrNoBucket)
		case answer.StatusCode == http.StatusPreconditionFailed:
			return fmt.Errorf("%s: the object %w", doing, ErrChanged)
		case answer.StatusCode == http.StatusNotModified:
			return fmt.Errorf("%s: the object %w", doing, ErrNotModified)
		case slices.Contains(refusals, answer.Code):
			return fmt.Errorf("%s: %w: %w", doing, ErrRefused, err)
		case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden:
			return fmt.Errorf("%s: %w: %w", doing, ErrDenied, err)
		case answer.Code == codeFull, answer.StatusCode == http.StatusInsufficientStorage:
			return fmt.Errorf("%s: %w: %w: %w", doing, ErrFull, ErrUnavailable, err)
		}
		return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
	}
	var request *url.Error // also of closed connections, whose cause minio-go drops
	var network net.Error
	if errors.As(err, &request) || errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%s: %w: %w", doing, ErrUnavailable, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}
