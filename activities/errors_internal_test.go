package activities

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"go.temporal.io/sdk/temporal"

	"iris/internal/child"
	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/objstore"
	"iris/internal/registry"
	"iris/internal/rows"
	"iris/internal/scores"
	"iris/model"
)

// answering returns a server that answers every request in the same way.
func answering(t *testing.T, status int, body string) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT") // S3's clients insist on it
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return server
}

// labAnswering returns a client of an MLflow that answers every request in the same way.
func labAnswering(t *testing.T, status int, body string) *mlflow.Client {
	t.Helper()
	return mlflow.New(mlflow.Options{URL: answering(t, status, body).URL})
}

// labCode is labAnswering in MLflow's form of errors.
func labCode(t *testing.T, status int, code, message string) *mlflow.Client {
	t.Helper()
	return labAnswering(t, status, fmt.Sprintf(`{"error_code":%q,"message":%q}`, code, message))
}

func storeAt(t *testing.T, url string) *objstore.Store {
	t.Helper()
	s, err := objstore.New(objstore.Options{Endpoint: url, AccessKey: "key", SecretKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// storeCode returns a client of an S3 that answers every request with an error.
func storeCode(t *testing.T, status int, code string) *objstore.Store {
	t.Helper()
	return storeAt(t, answering(t, status, "<Error><Code>"+code+"</Code><Message>no</Message></Error>").URL)
}

// down returns the address of a server that has stopped.
func down(t *testing.T) string {
	t.Helper()
	server := answering(t, 200, "")
	server.Close()
	return server.URL
}

// errorOf returns the error of a call with another result.
func errorOf[T any](_ T, err error) error { return err }

func registryOf(t *testing.T, lab *mlflow.Client, store *objstore.Store) *registry.Registry {
	t.Helper()
	r, err := registry.New(registry.Options{MLflow: lab, Store: store, Bucket: "bucket"})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// damagedVersion is MLflow's answer for a version of which a tag was changed by hand.
const damagedVersion = `{"model_version":{"name":"m","version":"3",
	"tags":[{"key":"iris.artifact.sha256","value":"1"}]}}`

// errorCase is an error as a package returns it, and the type that activities give to it.
type errorCase struct {
	name string
	err  error
	want string
}

// errorCases calls the packages that activities use. Every error that an activity returns is one of these, or wraps
// one.
func errorCases(t *testing.T) []errorCase {
	t.Helper()
	ctx, ref := t.Context(), objstore.Ref{Bucket: "bucket", Key: "k", Size: 100}
	logTo := func(c *mlflow.Client) error {
		return c.LogBatch(ctx, "r", mlflow.Batch{Tags: map[string]string{"a": "b"}})
	}
	get := func(s *objstore.Store) error { return errorOf(s.Get(ctx, ref)) }
	getJSON := func(answer string) error {
		return storeAt(t, answering(t, 200, answer).URL).GetJSON(ctx, "bucket", "k", new(struct{ A int }))
	}
	put := func(s *objstore.Store) error {
		return errorOf(s.Put(ctx, "bucket", "k", strings.NewReader("x"), 1, "text/csv"))
	}
	scan := func(csv string, o dataset.ScanOptions) error { return errorOf(dataset.Scan(strings.NewReader(csv), o)) }
	train := func(table *dataset.Table, s model.Spec) error { return errorOf(model.Train(ctx, table, s, nil)) }
	noLab, noStore := mlflow.New(mlflow.Options{URL: down(t)}), storeAt(t, down(t))
	resolve := func(lab *mlflow.Client, reference string) error {
		return errorOf(registryOf(t, lab, noStore).Resolve(ctx, "m", reference))
	}
	load := func(stored string) error {
		a := &Activities{o: Options{Store: storeAt(t, answering(t, 200, stored).URL)}}
		sum := sha256.Sum256([]byte(stored))
		_, _, err := a.load(ctx, objstore.Ref{Bucket: "bucket", Key: "k", SHA256: hex.EncodeToString(sum[:])})
		return err
	}
	unpack := func(s *objstore.Store) error {
		a := &Activities{o: Options{Store: s, Bucket: "bucket"}}
		return errorOf(a.unpacked(ctx, "task", -1, ref, scores.CSV, func(Progress) {}))
	}
	m := fitted(t, model.GaussianNB)
	iris, _, err := dataset.Read(bytes.NewReader(dataset.IrisCSV()), dataset.ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	renamed := iris.Subset([]int{0, 100})
	renamed.Schema.Features = []string{"a", "b", "c", "d"}
	large := registry.Candidate{Model: "m", RunID: strings.Repeat("0", 32), Artifact: make([]byte, 256<<20+1)}
	foreign := registry.Version{Model: "m", Number: "3"}

	return []errorCase{
		{"a cell that is not a number", scan("a,label\nx,y\n", dataset.ScanOptions{}), ErrBadDataset},
		{"a CSV that is too long", scan("a,label\n1,y\n1,y\n", dataset.ScanOptions{MaxBytes: 5}), ErrBadDataset},
		{"a batch without rows", rows.ErrNoRows, ErrBadDataset},
		{"a gzip file that is cut off", unpack(storeAt(t, answering(t, 200, gzipMagic+"\x08").URL)), ErrBadDataset},
		{"data that a request may not read", fmt.Errorf("%w: bucket x", errMissingData), ErrBadDataset},
		{"an object that was replaced", get(storeCode(t, 412, "PreconditionFailed")), ErrBadDataset},
		{"rows of one class", train(iris.Subset([]int{0, 1, 2}), model.Spec{}), ErrBadDataset},
		{"no rows to evaluate on", errorOf(model.Evaluate(m, iris.Subset(nil))), ErrBadDataset},
		{"an unknown algorithm", train(iris, model.Spec{Algorithm: "x"}), ErrBadInput},
		{"a reference of no known form", resolve(noLab, "x"), ErrBadInput},
		{"a reference to another model", resolve(noLab, "models:/x/1"), ErrBadInput},
		{"a model that is too large", errorOf(registryOf(t, noLab, noStore).Register(ctx, large)), ErrBadInput},
		{"an unknown version", resolve(labCode(t, 404, "RESOURCE_DOES_NOT_EXIST", "none"), "3"), ErrModelNotFound},
		{"a version with damaged tags", resolve(labAnswering(t, 200, damagedVersion), "3"), ErrCorruptModel},
		{"a version of another program", errorOf(registryOf(t, noLab, noStore).Load(ctx, foreign)), ErrCorruptModel},
		{"a fitted model that does not decode", load("{}"), ErrCorruptModel},
		{"a fit without enough memory", newMemory(1).check(2, "a fit"), ErrNoMemory},
		{"a mistake that a child process found", &child.Failure{Type: ErrBadInput, Message: "no"}, ErrBadInput},
		{"work that kills its worker", errWorkerDied, ErrWorkerDied},
		{"a child process that was killed", child.ErrKilled, ErrKilled},
		{"rows with other features", errorOf(model.Evaluate(m, renamed)), ErrInternal},

		{"a run that was deleted", logTo(labCode(t, 404, "RESOURCE_DOES_NOT_EXIST", "no run")), ErrModelNotFound},
		{"a value that MLflow refuses", logTo(labCode(t, 400, "INVALID_PARAMETER_VALUE", "no")), ErrRefused},
		{"a body that a proxy refuses", logTo(labAnswering(t, 413, "too large")), ErrRefused},
		{"a database of ASCII", logTo(labCode(t, 500, "INTERNAL_ERROR", "'ascii' codec can't encode it")), ErrRefused},
		{"an object that is gone", get(storeCode(t, 404, "NoSuchKey")), ErrObjectLost},
		{"an object that is not JSON", getJSON("{"), ErrObjectLost},
		{"an object of another form", getJSON(`{"A":"x"}`), ErrObjectLost},
		{"a key that is too long", put(storeCode(t, 400, "KeyTooLongError")), ErrRefused},
		{
			"JSON that nobody could read",
			errorOf(noStore.PutJSON(ctx, "bucket", "k", strings.Repeat("x", 16<<20))),
			ErrRefused,
		},

		{"a bucket that is gone", get(storeCode(t, 404, "NoSuchBucket")), ErrStoreDown},
		{"S3 does not listen", get(noStore), ErrStoreDown},
		{"S3 is full", put(storeCode(t, 507, "XMinioStorageFull")), ErrStoreDown},
		{"S3 asks for less", get(storeCode(t, 429, "SlowDown")), ErrStoreDown},
		{"S3 waited too long for a body", put(storeCode(t, 400, "RequestTimeout")), ErrStoreDown},
		{"an upload that somebody aborted", put(storeCode(t, 404, "NoSuchUpload")), ErrStoreDown},
		{"S3 does not know the keys", get(storeCode(t, 403, "InvalidAccessKeyId")), ErrStoreDown},
		{"S3 fails under a gzip file", unpack(noStore), ErrStoreDown},
		{"S3 fails under the registry", errorOf(registryOf(t, noLab, noStore).Schema(ctx, "m")), ErrStoreDown},
		{"MLflow does not listen", logTo(noLab), ErrMLflowDown},
		{"MLflow fails", logTo(labCode(t, 500, "INTERNAL_ERROR", "no")), ErrMLflowDown},
		{"MLflow fails under the registry", resolve(noLab, "3"), ErrMLflowDown},
		{"MLflow wants other credentials", logTo(labAnswering(t, 401, "")), ErrMLflowDown},
		{"a URL where MLflow is not", logTo(labAnswering(t, 404, "not found")), ErrMLflowDown},
		{"a page instead of an answer", resolve(labAnswering(t, 200, "<html>"), "3"), ErrMLflowDown},
		{"a load that took too long", fmt.Errorf("load: %w", registry.ErrUnavailable), ErrMLflowDown},
		{"an attempt that took too long", fmt.Errorf("train: %w", context.DeadlineExceeded), ErrTooSlow},
		{"a connection that the database closed", logTo(labCode(t, 400, "BAD_REQUEST", "closed")), ErrUnknown},
		{"a name that is taken", logTo(labCode(t, 400, "RESOURCE_ALREADY_EXISTS", "x")), ErrUnknown},
		{"anything else", errors.New("surprise"), ErrUnknown},
	}
}

func TestAsApplicationError(t *testing.T) {
	decided := make([]bool, len(rules))
	for _, c := range errorCases(t) {
		if c.err == nil {
			t.Errorf("%s: no error", c.name)
			continue
		}
		wrapped := fmt.Errorf("do a thing: %w", c.err)
		var got *temporal.ApplicationError
		if !errors.As(asApplicationError(wrapped, 1), &got) {
			t.Fatalf("%s: %v is not an application error", c.name, c.err)
		}
		_, _, retried := Retried(c.want)
		if got.Type() != c.want || got.NonRetryable() == retried {
			t.Errorf("%s: %v is %s, final: %v; want %s, final: %v",
				c.name, c.err, got.Type(), got.NonRetryable(), c.want, !retried)
		}
		var words string
		if retried && (got.Details(&words) != nil || words == "" || strings.Contains(words, "127.0.0.1")) {
			t.Errorf("%s: is explained to users as %q, want words without hosts", c.name, words)
		}
		if i := slices.IndexFunc(rules, func(r rule) bool { return r.matches(wrapped) }); i >= 0 {
			decided[i] = true
		}
	}
	for i, hit := range decided {
		if !hit {
			t.Errorf("no case meets rule %d, which gives %s", i, rules[i].errorType)
		}
	}
}

func TestAsApplicationError_unknownErrorsEnd(t *testing.T) {
	for attempt, want := range map[int32]string{1: ErrUnknown, maxUnknown - 1: ErrUnknown, maxUnknown: ErrInternal} {
		var got *temporal.ApplicationError
		if !errors.As(asApplicationError(errors.New("surprise"), attempt), &got) || got.Type() != want ||
			got.NonRetryable() != (want == ErrInternal) {
			t.Errorf("attempt %d: %v, want %s", attempt, got, want)
		}
	}
	var killed *temporal.ApplicationError
	if !errors.As(asApplicationError(child.ErrKilled, maxUnknown), &killed) || killed.Type() != ErrWorkerDied {
		t.Errorf("a fit that is killed again and again: %v, want %s", killed, ErrWorkerDied)
	}
	outage := asApplicationError(mlflow.ErrUnavailable, 1000)
	var got *temporal.ApplicationError
	if !errors.As(outage, &got) || got.NonRetryable() {
		t.Errorf("an outage after 1000 attempts: %v, want it retried", outage)
	}
}

func TestForUsers(t *testing.T) {
	for _, errorType := range []string{
		ErrBadInput, ErrBadDataset, ErrModelNotFound, ErrCorruptModel, ErrObjectLost, ErrNoMemory, ErrWorkerDied,
	} {
		if !ForUsers(errorType) {
			t.Errorf("%s is not for users", errorType)
		}
	}
	for _, errorType := range []string{
		ErrRefused, ErrInternal, ErrMLflowDown, ErrStoreDown, ErrTooSlow, ErrKilled, ErrUnknown, "x", "",
	} {
		if ForUsers(errorType) {
			t.Errorf("%q is for users, but may have internal details", errorType)
		}
	}
}
