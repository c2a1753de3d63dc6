package apiserver

import (
	"context"
	"encoding/binary"
	"math"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"

	"iris/apiserver/httpio"
	"iris/internal/dataset"
	"iris/internal/inferencepb"
)

// grpcAPI is a server under test and a client of it.
type grpcAPI struct {
	*api
	inferencepb.GRPCInferenceServiceClient
	connection *grpc.ClientConn
}

func newGRPC(t testing.TB, change ...func(*Options)) grpcAPI {
	t.Helper()
	a := newAPI(t, change...)
	address, stop, returned := runGRPC(t, a.Server)
	t.Cleanup(func() {
		stop()
		if err := <-returned; err != nil {
			t.Errorf("RunGRPC returned %v", err)
		}
	})
	c := must(grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())))
	t.Cleanup(func() { _ = c.Close() })
	return grpcAPI{a, inferencepb.NewGRPCInferenceServiceClient(c), c}
}

// runGRPC starts the server. It returns the address, a function that stops the server, and the result of RunGRPC.
func runGRPC(t testing.TB, s *Server) (address string, stop context.CancelFunc, returned chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	returned = make(chan error, 1)
	go func() { returned <- s.RunGRPC(ctx, l) }()
	return l.Addr().String(), cancel, returned
}

// wantCode checks that err has the code and contains the words.
func wantCode(t testing.TB, err error, code codes.Code, words ...string) {
	t.Helper()
	got := status.Convert(err)
	if err == nil || got.Code() != code {
		t.Errorf("%v, want %s", err, code)
		return
	}
	for _, word := range words {
		if !strings.Contains(got.Message(), word) {
			t.Errorf("%q, want it to say %q", got.Message(), word)
		}
	}
}

type (
	inferInput  = inferencepb.ModelInferRequest_InferInputTensor
	inferOutput = inferencepb.ModelInferRequest_InferRequestedOutputTensor
	contents    = inferencepb.InferTensorContents
)

func rawRows(rows [][]float64) []byte {
	raw := []byte{}
	for _, row := range rows {
		raw = must(binary.Append(raw, binary.LittleEndian, row))
	}
	return raw
}

// rawRequest is a request with the rows as raw contents.
func rawRequest(rows [][]float64) *inferencepb.ModelInferRequest {
	return &inferencepb.ModelInferRequest{
		ModelName: "iris", Inputs: []*inferInput{{Name: "input", Datatype: "FP64", Shape: []int64{int64(len(rows)), 4}}},
		RawInputContents: [][]byte{rawRows(rows)},
	}
}

// contentsRequest is a request with one input as contents.
func contentsRequest(name, datatype string, shape []int64, c *contents) *inferencepb.ModelInferRequest {
	return &inferencepb.ModelInferRequest{
		ModelName: "iris",
		Inputs:    []*inferInput{{Name: name, Datatype: datatype, Shape: shape, Contents: c}},
	}
}

func TestGRPC_infersRaw(t *testing.T) {
	a := newGRPC(t)
	labels, probabilities := expected(t, a.api, threeRows)
	request := rawRequest(threeRows)
	request.Id = "7"
	for _, coding := range []string{"identity", "gzip", "deflate"} {
		got, err := a.ModelInfer(t.Context(), request, grpc.UseCompressor(coding))
		if err != nil {
			t.Fatalf("%s: %v", coding, err)
		}
		if got.GetModelName() != "iris" || got.GetModelVersion() != "1" || got.GetId() != "7" || len(got.GetOutputs()) != 2 {
			t.Errorf("answer %v", got)
		}
		var texts []byte
		for _, label := range labels {
			texts = append(binary.LittleEndian.AppendUint32(texts, uint32(len(label))), label...)
		}
		want := [][]byte{texts, must(binary.Append(nil, binary.LittleEndian, probabilities))}
		if !reflect.DeepEqual(got.GetRawOutputContents(), want) || got.GetOutputs()[1].GetContents() != nil {
			t.Errorf("%s: raw contents %q, want %q", coding, got.GetRawOutputContents(), want)
		}
		if out := got.GetOutputs()[1]; out.GetName() != "probabilities" || out.GetDatatype() != "FP64" ||
			!slices.Equal(out.GetShape(), []int64{3, 3}) {
			t.Errorf("output %v", out)
		}
	}
	empty, err := a.ModelInfer(t.Context(), rawRequest(nil))
	if err != nil || !slices.Equal(empty.GetOutputs()[0].GetShape(), []int64{0}) {
		t.Errorf("no rows: %v (%v)", empty, err)
	}
}

func TestGRPC_infersContents(t *testing.T) {
	a := newGRPC(t)
	rows := [][]float64{{5, 3, 1, 0}, {6, 3, 5, 2}}
	labels, probabilities := expected(t, a.api, rows)
	shape := []int64{2, 4}
	perFeature := &inferencepb.ModelInferRequest{ModelName: "iris", ModelVersion: "champion"}
	for i, name := range dataset.Iris().Features {
		perFeature.Inputs = append(perFeature.Inputs, &inferInput{
			Name:     name,
			Datatype: "INT8",
			Shape:    []int64{2},
			Contents: &contents{IntContents: []int32{int32(rows[0][i]), int32(rows[1][i])}},
		})
	}
	for name, request := range map[string]*inferencepb.ModelInferRequest{
		"FP64":        contentsRequest("input", "FP64", shape, &contents{Fp64Contents: slices.Concat(rows...)}),
		"FP32":        contentsRequest("input", "FP32", shape, &contents{Fp32Contents: []float32{5, 3, 1, 0, 6, 3, 5, 2}}),
		"INT64":       contentsRequest("input", "INT64", shape, &contents{Int64Contents: []int64{5, 3, 1, 0, 6, 3, 5, 2}}),
		"INT32":       contentsRequest("input", "INT32", shape, &contents{IntContents: []int32{5, 3, 1, 0, 6, 3, 5, 2}}),
		"UINT64":      contentsRequest("input", "UINT64", shape, &contents{Uint64Contents: []uint64{5, 3, 1, 0, 6, 3, 5, 2}}),
		"UINT16":      contentsRequest("input", "UINT16", shape, &contents{UintContents: []uint32{5, 3, 1, 0, 6, 3, 5, 2}}),
		"per feature": perFeature,
	} {
		got, err := a.ModelInfer(t.Context(), request)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var texts []string
		for _, text := range got.GetOutputs()[0].GetContents().GetBytesContents() {
			texts = append(texts, string(text))
		}
		if !slices.Equal(texts, labels) ||
			!slices.Equal(got.GetOutputs()[1].GetContents().GetFp64Contents(), probabilities) ||
			got.GetRawOutputContents() != nil {
			t.Errorf("%s: %v, want %v %v", name, got, labels, probabilities)
		}
	}
}

func TestGRPC_classification(t *testing.T) {
	a := newGRPC(t)
	request := contentsRequest("input", "FP64", []int64{1, 4}, &contents{Fp64Contents: threeRows[0]})
	request.Outputs = []*inferOutput{{Name: "probabilities", Parameters: map[string]*inferencepb.InferParameter{
		"classification": {ParameterChoice: &inferencepb.InferParameter_Int64Param{Int64Param: 2}},
	}}}
	got, err := a.ModelInfer(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	texts := got.GetOutputs()[0].GetContents().GetBytesContents()
	if len(texts) != 2 || !strings.HasSuffix(string(texts[0]), ":0:setosa") ||
		!strings.HasSuffix(string(texts[1]), ":1:versicolor") {
		t.Errorf("classification %q", texts)
	}
}

func TestGRPC_badRequests(t *testing.T) {
	a := newGRPC(t, func(o *Options) { o.MaxBody = 2 << 20 })
	region := map[string]*inferencepb.InferParameter{
		"shared_memory_region": {ParameterChoice: &inferencepb.InferParameter_StringParam{StringParam: "x"}},
	}
	change := func(f func(*inferencepb.ModelInferRequest)) *inferencepb.ModelInferRequest {
		r := rawRequest(threeRows)
		f(r)
		return r
	}
	for name, test := range map[string]struct {
		request *inferencepb.ModelInferRequest
		code    codes.Code
		want    string
	}{
		"nothing":          {&inferencepb.ModelInferRequest{}, codes.NotFound, "no model"},
		"an unknown model": {&inferencepb.ModelInferRequest{ModelName: "tulip"}, codes.NotFound, "tulip"},
		"an unknown version": {
			&inferencepb.ModelInferRequest{ModelName: "iris", ModelVersion: "99"}, codes.NotFound, "99",
		},
		"no champion": {
			&inferencepb.ModelInferRequest{ModelName: unpromotedModel}, codes.Unavailable, "no champion",
		},
		"no inputs": {&inferencepb.ModelInferRequest{ModelName: "iris"}, codes.InvalidArgument, "/inputs"},
		"another shape": {
			contentsRequest("input", "FP64", []int64{4}, &contents{Fp64Contents: threeRows[0]}), codes.InvalidArgument,
			"/inputs/0/shape: [4]",
		},
		"no shape": {
			contentsRequest("input", "FP64", nil, &contents{Fp64Contents: threeRows[0]}), codes.InvalidArgument,
			"/inputs/0/data: 4 elements",
		},
		"no contents": {
			contentsRequest("input", "FP64", []int64{1, 4}, nil), codes.InvalidArgument, "0 bytes of data",
		},
		"contents of FP16": {
			contentsRequest("input", "FP16", []int64{1, 4}, &contents{Fp32Contents: make([]float32, 4)}), codes.InvalidArgument,
			"0 bytes of data",
		},
		"text": {
			contentsRequest("input", "BYTES", []int64{1, 4}, &contents{BytesContents: make([][]byte, 4)}), codes.InvalidArgument,
			"/inputs/0/datatype",
		},
		"not a UINT8": {
			contentsRequest("input", "UINT8", []int64{1, 4}, &contents{UintContents: []uint32{1, 2, 3, 256}}),
			codes.InvalidArgument, "/inputs/0/data/3",
		},
		"not finite": {
			rawRequest([][]float64{{1, 2, 3, math.NaN()}}), codes.InvalidArgument, "/inputs/0/data/3: NaN is not finite",
		},
		"raw contents too few": {
			change(func(r *inferencepb.ModelInferRequest) { r.Inputs = append(r.Inputs, r.Inputs[0]) }), codes.InvalidArgument,
			"/raw_input_contents: 1 tensors, want the 2",
		},
		"raw contents and other": {
			change(func(r *inferencepb.ModelInferRequest) { r.Inputs[0].Contents = &contents{} }), codes.InvalidArgument,
			"/inputs/0: contents are given beside",
		},
		"raw contents too short": {
			change(func(r *inferencepb.ModelInferRequest) { r.RawInputContents[0] = r.RawInputContents[0][1:] }),
			codes.InvalidArgument, "95 bytes of data, want the 96",
		},
		"shared memory": {
			change(func(r *inferencepb.ModelInferRequest) { r.Inputs[0].Parameters = region }), codes.InvalidArgument,
			"/inputs/0: shared memory is not supported",
		},
		"shared memory outside": {change(func(r *inferencepb.ModelInferRequest) {
			r.Outputs = []*inferOutput{{Name: "label", Parameters: region}}
		}), codes.InvalidArgument, "/outputs/0: shared memory is not supported"},
		"an unknown output": {
			change(func(r *inferencepb.ModelInferRequest) { r.Outputs = []*inferOutput{{Name: "score"}} }),
			codes.InvalidArgument, "/outputs/0",
		},
		"too large": {rawRequest(slices.Repeat(threeRows, 30_000)), codes.ResourceExhausted, "2097152"},
		"too many rows": {&inferencepb.ModelInferRequest{
			ModelName: "iris", Inputs: []*inferInput{
				{Name: "input", Datatype: "INT8", Shape: []int64{100_001, 4}},
			}, RawInputContents: [][]byte{make([]byte, 400_004)},
		}, codes.InvalidArgument, "at most 100000 rows"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := a.ModelInfer(t.Context(), test.request)
			wantCode(t, err, test.code, test.want)
		})
	}
	if a.log.String() != "" {
		t.Errorf("a client's mistakes were logged: %s", a.log)
	}
}

func TestGRPC_placesForLargeRequests(t *testing.T) {
	a := newGRPC(t)
	for range httpio.MaxBulk {
		release := must(a.bulk.Take())
		defer release()
	}
	_, err := a.ModelInfer(t.Context(), rawRequest(slices.Repeat(threeRows, 15_000)))
	wantCode(t, err, codes.Unavailable, "large bodies")
}

func TestGRPC_serverAndModels(t *testing.T) {
	a := newGRPC(t)
	ctx := t.Context()
	if got, err := a.ServerLive(ctx, nil); err != nil || !got.GetLive() {
		t.Errorf("live: %v (%v)", got, err)
	}
	if got, err := a.ServerReady(ctx, nil); err != nil || !got.GetReady() {
		t.Errorf("ready: %v (%v)", got, err)
	}
	got, err := a.ServerMetadata(ctx, nil)
	if err != nil || got.GetName() != "iris" || got.GetVersion() != "v1.2.3" || len(got.GetExtensions()) == 0 {
		t.Errorf("server: %v (%v)", got, err)
	}
	for _, version := range []string{"", "1", "champion", "2"} {
		m, err := a.ModelMetadata(ctx, &inferencepb.ModelMetadataRequest{Name: "iris", Version: version})
		if err != nil {
			t.Fatal(err)
		}
		if m.GetName() != "iris" || m.GetPlatform() != "onnx_onnxv1" || !slices.Contains(m.GetVersions(), "2") ||
			m.GetProperties()["classes"] != `["setosa","versicolor","virginica"]` {
			t.Errorf("metadata %v", m)
		}
		if in := m.GetInputs()[0]; in.GetName() != "input" || in.GetDatatype() != "FP64" ||
			!slices.Equal(in.GetShape(), []int64{-1, 4}) ||
			len(m.GetOutputs()) != 2 {
			t.Errorf("inputs %v, outputs %v", m.GetInputs(), m.GetOutputs())
		}
		config, err := a.ModelConfig(ctx, &inferencepb.ModelConfigRequest{Name: "iris", Version: version})
		if err != nil {
			t.Fatal(err)
		}
		c := config.GetConfig()
		if c.GetName() != "iris" || c.GetInput()[0].GetDataType() != inferencepb.DataType_TYPE_FP64 ||
			c.GetOutput()[0].GetDataType() != inferencepb.DataType_TYPE_STRING ||
			!slices.Equal(c.GetOutput()[1].GetDims(), []int64{-1, 3}) ||
			c.GetParameters()["features"].GetStringValue() == "" {
			t.Errorf("config %v", c)
		}
		got, err := a.ModelReady(ctx, &inferencepb.ModelReadyRequest{Name: "iris", Version: version})
		if err != nil || !got.GetReady() {
			t.Errorf("model ready: %v (%v)", got, err)
		}
	}
	for _, in := range []*inferencepb.ModelReadyRequest{
		{Name: unpromotedModel}, {Name: "tulip"}, {Name: "iris", Version: "99"},
	} {
		if got, err := a.ModelReady(ctx, in); err != nil || got.GetReady() {
			t.Errorf("%v: %v (%v), want it not to be ready", in, got, err)
		}
	}
	_, err = a.ModelMetadata(ctx, &inferencepb.ModelMetadataRequest{Name: "tulip"})
	wantCode(t, err, codes.NotFound)
	_, err = a.ModelConfig(ctx, &inferencepb.ModelConfigRequest{Name: "tulip"})
	wantCode(t, err, codes.NotFound)
}

func TestGRPC_repository(t *testing.T) {
	a := newGRPC(t)
	ctx := t.Context()
	index, err := a.RepositoryIndex(ctx, &inferencepb.RepositoryIndexRequest{Ready: true})
	if err != nil || !slices.ContainsFunc(index.GetModels(), func(m *inferencepb.RepositoryIndexResponse_ModelIndex) bool {
		return m.GetName() == "iris" && m.GetVersion() == "1" && m.GetState() == "READY" && m.GetReason() == ""
	}) {
		t.Errorf("index %v (%v)", index, err)
	}
	if _, err := a.RepositoryModelLoad(ctx, &inferencepb.RepositoryModelLoadRequest{ModelName: "iris"}); err != nil {
		t.Error(err)
	}
	_, err = a.RepositoryModelLoad(
		ctx,
		&inferencepb.RepositoryModelLoadRequest{
			ModelName: "iris",
			Parameters: map[string]*inferencepb.ModelRepositoryParameter{
				"config": {ParameterChoice: &inferencepb.ModelRepositoryParameter_StringParam{StringParam: "{}"}},
			},
		},
	)
	wantCode(t, err, codes.InvalidArgument, `"config"`)
	_, err = a.RepositoryModelUnload(ctx, &inferencepb.RepositoryModelUnloadRequest{ModelName: "iris"})
	wantCode(t, err, codes.InvalidArgument, "is its champion")
	_, err = a.RepositoryModelUnload(ctx, &inferencepb.RepositoryModelUnloadRequest{ModelName: unpromotedModel})
	if err != nil {
		t.Error(err)
	}
}

func TestGRPC_health(t *testing.T) {
	a := newGRPC(t)
	client := healthpb.NewHealthClient(a.connection)
	for service, want := range map[string]healthpb.HealthCheckResponse_ServingStatus{
		"": 1, "inference.GRPCInferenceService": 1,
	} {
		got, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil || got.GetStatus() != want {
			t.Errorf("%q: %v (%v)", service, got, err)
		}
	}
	_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{Service: "x"})
	wantCode(t, err, codes.NotFound)
	a = newGRPC(t, func(o *Options) { o.DefaultModel = unpromotedModel })
	got, err := healthpb.NewHealthClient(a.connection).Check(t.Context(), nil)
	if err != nil || got.GetStatus() != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Errorf("without a champion: %v (%v)", got, err)
	}
	if got, err := a.ServerReady(t.Context(), nil); err != nil || got.GetReady() {
		t.Errorf("ready without a champion: %v (%v)", got, err)
	}
}

func TestGRPC_requestIDs(t *testing.T) {
	a := newGRPC(t)
	for sent, want := range map[string]string{"mine-7": "mine-7", "not fit for a log": "", "": ""} {
		var header metadata.MD
		ctx := metadata.AppendToOutgoingContext(t.Context(), httpio.RequestIDHeader, sent)
		if _, err := a.ServerLive(ctx, nil, grpc.Header(&header)); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(header.Get(httpio.RequestIDHeader), " ")
		if got == "" || got == sent && want == "" || want != "" && got != want {
			t.Errorf("sent %q, got %q", sent, got)
		}
	}
}

// The log gets the cause of an internal error or of a dependency that is down. The client does not.
func TestGRPC_tellsNoInternals(t *testing.T) {
	a := newGRPC(t, func(o *Options) { o.Registry, o.Cache = downRegistry(t, unusedPort(t)) })
	_, err := a.RepositoryIndex(t.Context(), nil)
	wantCode(t, err, codes.Unavailable, "does not answer")
	if strings.Contains(err.Error(), "127.0.0.1") || !strings.Contains(a.log.String(), "RepositoryIndex") {
		t.Errorf("answered %v, logged %s", err, a.log)
	}
}

func TestRunGRPC_saysWhyItCannotServe(t *testing.T) {
	a := newAPI(t)
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.RunGRPC(t.Context(), l); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("got %v, want an error that names the address", err)
	}
}

// Requests in progress when the server stops may finish, and are cut off when the time to drain is over.
func TestRunGRPC_drains(t *testing.T) {
	ask := &reflectionpb.ServerReflectionRequest{MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{}}
	for name, test := range map[string]struct {
		drain time.Duration
		cut   bool
	}{"in time": {time.Minute, false}, "not in time": {time.Nanosecond, true}} {
		t.Run(name, func(t *testing.T) {
			a := newAPI(t)
			a.drain = test.drain
			address, stop, returned := runGRPC(t, a.Server)
			c := must(grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials())))
			defer c.Close()
			stream := must(reflectionpb.NewServerReflectionClient(c).ServerReflectionInfo(t.Context()))
			talk := func() error {
				if err := stream.Send(ask); err != nil {
					return err
				}
				_, err := stream.Recv()
				return err
			}
			if err := talk(); err != nil {
				t.Fatal(err)
			}
			stop()
			if !test.cut {
				if err := talk(); err != nil {
					t.Errorf("the request under way was cut off: %v", err)
				}
				if err := stream.CloseSend(); err != nil {
					t.Error(err)
				}
			}
			if err := <-returned; err != nil {
				t.Errorf("RunGRPC returned %v", err)
			}
			if got := strings.Contains(a.log.String(), "cut off"); got != test.cut {
				t.Errorf("cut off: %v, want %v", got, test.cut)
			}
		})
	}
}
