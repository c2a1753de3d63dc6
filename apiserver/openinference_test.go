package apiserver

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"iris/apiserver/httpio"
	"iris/apiserver/openinference"
	"iris/internal/champions"
	"iris/internal/dataset"
	"iris/internal/mlflow"
	"iris/internal/registry"
	"iris/model"
)

// inferenceHeader says how many bytes of a body are JSON.
const inferenceHeader = "Inference-Header-Content-Length"

// threeRows are a flower of each species.
var threeRows = [][]float64{{5.1, 3.5, 1.4, 0.2}, {6.0, 2.9, 4.5, 1.5}, {6.3, 3.3, 6.0, 2.5}}

// tensorJSON is an input as JSON.
func tensorJSON(name, datatype string, shape []int, data any) string {
	b := must(json.Marshal(map[string]any{"name": name, "datatype": datatype, "shape": shape, "data": data}))
	return string(b)
}

// inferJSON is a request with the rows as one input; rest begins with a comma.
func inferJSON(rows [][]float64, rest string) string {
	return `{"inputs":[` + tensorJSON("input", "FP64", []int{len(rows), 4}, rows) + `]` + rest + `}`
}

// inferBinary is a request with binary rows after the JSON, and the header that says where they begin.
func inferBinary(rows [][]float64, rest string) (body []byte, header string) {
	var blob []byte
	for _, row := range rows {
		blob = must(binary.Append(blob, binary.LittleEndian, row))
	}
	message := fmt.Sprintf(
		`{"inputs":[{"name":"input","datatype":"FP64","shape":[%d,4],"parameters":{"binary_data_size":%d}}]%s}`,
		len(rows),
		len(blob),
		rest,
	)
	return append([]byte(message), blob...), inferenceHeader + ": " + strconv.Itoa(len(message))
}

// expected returns what the champion of iris predicts for rows.
func expected(t testing.TB, a *api, rows [][]float64) (labels []string, probabilities []float64) {
	t.Helper()
	m := a.cache.Champion(dataset.IrisModel).Model
	classes := m.Schema().Classes
	for _, row := range rows {
		p := make([]float64, len(classes))
		labels = append(labels, classes[m.Predict(row, p)])
		probabilities = append(probabilities, p...)
	}
	return labels, probabilities
}

// inferReply decodes the answer to an inference, including binary outputs.
func inferReply(
	t testing.TB,
	got answer,
) (reply openinference.InferenceReply, labels []string, probabilities []float64) {
	t.Helper()
	if got.status != 200 {
		t.Fatalf("status %d: %s", got.status, got.body)
	}
	message, blob, contentType := got.body, []byte(nil), "application/json"
	if header := got.header.Get(inferenceHeader); header != "" {
		n := must(strconv.Atoi(header))
		message, blob, contentType = got.body[:n], got.body[n:], "application/octet-stream"
	}
	if got := got.header.Get("Content-Type"); got != contentType {
		t.Errorf("Content-Type %q, want %s", got, contentType)
	}
	if err := json.Unmarshal(message, &reply); err != nil {
		t.Fatalf("%v in %s", err, message)
	}
	for _, out := range reply.Outputs {
		if out.Parameters == nil {
			for _, v := range out.Data {
				switch v := v.(type) {
				case string:
					labels = append(labels, v)
				case float64:
					probabilities = append(probabilities, v)
				}
			}
			continue
		}
		data := blob[:out.Parameters.BinarySize]
		blob = blob[out.Parameters.BinarySize:]
		if out.Datatype == "FP64" {
			probabilities = make([]float64, len(data)/8)
			must(binary.Decode(data, binary.LittleEndian, probabilities))
			continue
		}
		for len(data) > 0 {
			n := binary.LittleEndian.Uint32(data)
			labels, data = append(labels, string(data[4:4+n])), data[4+n:]
		}
	}
	if len(blob) > 0 {
		t.Errorf("%d bytes after the outputs", len(blob))
	}
	return reply, labels, probabilities
}

// inferenceError checks that an answer is an error of the protocol whose text contains the words.
func (an answer) inferenceError(t testing.TB, status int, words ...string) {
	t.Helper()
	if an.status != status || an.header.Get("Content-Type") != "application/json" ||
		an.header.Get(httpio.RequestIDHeader) == "" {
		t.Fatalf("%d %s, want %d: %s", an.status, an.header, status, an.body)
	}
	var e openinference.InferenceError
	d := json.NewDecoder(bytes.NewReader(an.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil || e.Error == "" {
		t.Fatalf("%s (%v), want an error", an.body, err)
	}
	for _, word := range words {
		if !strings.Contains(e.Error, word) {
			t.Errorf("error %q, want it to say %q", e.Error, word)
		}
	}
}

func TestInfer_everyFormOfTheSameRows(t *testing.T) {
	a := newAPI(t)
	wantLabels, wantProbabilities := expected(t, a, threeRows)
	column := func(i int) (values []float64) {
		for _, row := range threeRows {
			values = append(values, row[i])
		}
		return values
	}
	var perFeature []string
	for i, name := range dataset.Iris().Features {
		shape := [][]int{{3}, {3, 1}}[i%2]
		perFeature = append(perFeature, tensorJSON(name, "FP64", shape, column(i)))
	}
	slices.Reverse(perFeature)
	binaryBody, binaryHeader := inferBinary(threeRows, `,"parameters":{"binary_data_output":true}`)
	mixedBody, mixedHeader := inferBinary(
		threeRows,
		`,"outputs":[{"name":"probabilities","parameters":{"binary_data":true}},{"name":"label"}]`,
	)
	var raw []byte
	for _, row := range threeRows {
		raw = must(binary.Append(raw, binary.LittleEndian, row))
	}
	deflated := func(b []byte) []byte {
		var out bytes.Buffer
		w := zlib.NewWriter(&out)
		must(w.Write(b))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	const path = "/v2/models/iris/infer"
	for _, test := range []struct {
		name, path string
		body       any
		headers    []string
		outputs    string
	}{
		{name: "JSON, nested", body: inferJSON(threeRows, "")},
		{
			name: "JSON, flat",
			body: `{"inputs":[` + tensorJSON("input", "FP64", []int{3, 4}, slices.Concat(threeRows...)) + `]}`,
		},
		{name: "JSON, a tensor per feature", body: `{"inputs":[` + strings.Join(perFeature, ",") + `]}`},
		{name: "JSON, gzip", body: zipped(inferJSON(threeRows, "")), headers: []string{"Content-Encoding: gzip"}},
		{
			name: "JSON of a form", body: inferJSON(threeRows, ""),
			headers: []string{"Content-Type: application/x-www-form-urlencoded"},
		},
		{name: "binary", body: binaryBody, headers: []string{binaryHeader}},
		{name: "binary, deflate", body: deflated(binaryBody), headers: []string{binaryHeader, "Content-Encoding: deflate"}},
		{name: "binary and JSON", body: mixedBody, headers: []string{mixedHeader}, outputs: "probabilities label"},
		{
			name: "binary answer to JSON",
			body: inferJSON(
				threeRows,
				`,"parameters":{"binary_data_output":true},"outputs":[`+
					`{"name":"label","parameters":{"binary_data":false}},{"name":"probabilities"}]`,
			),
		},
		{name: "a raw body", body: raw, headers: []string{inferenceHeader + ": 0"}},
		{name: "by version", path: "/v2/models/iris/versions/1/infer", body: inferJSON(threeRows, "")},
		{name: "by alias", path: "/v2/models/iris/versions/champion/infer", body: inferJSON(threeRows, "")},
		{name: "a slash at the end", path: path + "/", body: inferJSON(threeRows, "")},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := a.do(t, "POST", cmp.Or(test.path, path), test.body, test.headers...)
			reply, labels, probabilities := inferReply(t, got)
			if reply.ModelName != "iris" || reply.ModelVersion != "1" || reply.ID != "" ||
				got.header.Get("Model-Version") != "iris/1" {
				t.Errorf("answered by %+v", reply)
			}
			if !slices.Equal(labels, wantLabels) || !slices.Equal(probabilities, wantProbabilities) {
				t.Errorf("%v %v\nwant %v %v", labels, probabilities, wantLabels, wantProbabilities)
			}
			var outputs []string
			for _, out := range reply.Outputs {
				outputs = append(outputs, out.Name)
				if want := map[string][]int64{"label": {3}, "probabilities": {3, 3}}[out.Name]; !slices.Equal(out.Shape, want) {
					t.Errorf("%s has shape %v, want %v", out.Name, out.Shape, want)
				}
			}
			if got := strings.Join(outputs, " "); got != cmp.Or(test.outputs, "label probabilities") {
				t.Errorf("outputs %s", got)
			}
		})
	}
	if a.log.String() != "" {
		t.Errorf("inferences were logged: %s", a.log)
	}
}

func TestInfer_anotherVersion(t *testing.T) {
	a := newAPI(t)
	reply, _, _ := inferReply(t, a.do(t, "POST", "/v2/models/iris/versions/2/infer", inferJSON(threeRows, "")))
	if reply.ModelVersion != "2" {
		t.Errorf("answered by version %s, want 2", reply.ModelVersion)
	}
	reply, _, _ = inferReply(t, a.do(t, "POST", "/v2/models/unpromoted/versions/1/infer",
		`{"inputs":[`+tensorJSON("input", "FP32", []int{1, 13}, make([]float64, 13))+`]}`))
	if reply.ModelName != unpromotedModel || reply.ModelVersion != "1" {
		t.Errorf("answered by %+v", reply)
	}
}

func TestInfer_echoesTheID(t *testing.T) {
	a := newAPI(t)
	reply, labels, probabilities := inferReply(
		t,
		a.do(t, "POST", "/v2/models/iris/infer", inferJSON(threeRows[:1], `,"id":"a \"b\"","outputs":[{"name":"label"}]`)),
	)
	if reply.ID != `a "b"` || len(labels) != 1 || probabilities != nil {
		t.Errorf("%+v, want the id and the label alone", reply)
	}
}

func TestInfer_classification(t *testing.T) {
	a := newAPI(t)
	_, want := expected(t, a, threeRows[:1])
	_, labels, _ := inferReply(
		t,
		a.do(
			t,
			"POST",
			"/v2/models/iris/infer",
			inferJSON(threeRows[:1], `,"outputs":[{"name":"probabilities","parameters":{"classification":2}}]`),
		),
	)
	if len(labels) != 2 {
		t.Fatalf("%v, want two classes", labels)
	}
	for i, class := range []string{"setosa", "versicolor"} {
		parts := strings.SplitN(labels[i], ":", 3)
		if p := must(strconv.ParseFloat(parts[0], 64)); p != want[i] || parts[1] != strconv.Itoa(i) || parts[2] != class {
			t.Errorf("%s, want %v:%d:%s", labels[i], want[i], i, class)
		}
	}
}

func TestInfer_compressedAnswers(t *testing.T) {
	a := newAPI(t)
	want := a.do(t, "POST", "/v2/models/iris/infer", inferJSON(threeRows, ""), "Accept-Encoding: identity").body
	for accept, coding := range map[string]string{
		"gzip": "gzip", "deflate": "deflate", "br, deflate;q=0.5, GZIP; q=0.2": "gzip", "gzip;q=0, deflate": "deflate",
		"gzip;q=x": "", "br": "", "identity": "",
	} {
		got := a.do(t, "POST", "/v2/models/iris/infer", inferJSON(threeRows, ""), "Accept-Encoding: "+accept)
		if got.header.Get("Content-Encoding") != coding || got.header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: Content-Encoding %q, want %q", accept, got.header.Get("Content-Encoding"), coding)
		}
		var plain io.Reader = bytes.NewReader(got.body)
		var err error
		switch coding {
		case "gzip":
			plain, err = gzip.NewReader(plain)
		case "deflate":
			plain, err = zlib.NewReader(plain)
		}
		if err != nil {
			t.Fatalf("%s: %v", accept, err)
		}
		if body, err := io.ReadAll(plain); err != nil || !bytes.Equal(body, want) {
			t.Errorf("%s: %s (%v), want %s", accept, body, err, want)
		}
	}
}

func TestInfer_noRows(t *testing.T) {
	a := newAPI(t)
	body, header := inferBinary(nil, `,"parameters":{"binary_data_output":true}`)
	reply, labels, probabilities := inferReply(t, a.do(t, "POST", "/v2/models/iris/infer", body, header))
	if len(labels) != 0 || len(probabilities) != 0 || !slices.Equal(reply.Outputs[1].Shape, []int64{0, 3}) {
		t.Errorf("%+v, want empty outputs", reply)
	}
}

func TestInfer_badRequests(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.MaxBody = 2 << 20 })
	nan, nanHeader := inferBinary([][]float64{{1, 2, 3, math.Inf(-1)}}, "")
	damaged := zipped(inferJSON(threeRows, ""))
	damaged[len(damaged)-6] ^= 1
	var badZlib bytes.Buffer
	z := zlib.NewWriter(&badZlib)
	must(io.WriteString(z, inferJSON(threeRows, "")))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	badZlib.Bytes()[badZlib.Len()-1] ^= 1
	many := `{"inputs":[{"name":"input","datatype":"INT8","shape":[100001,4],"parameters":{"binary_data_size":400004}}]}`
	const path = "/v2/models/iris/infer"
	for _, test := range []struct {
		name, path string
		body       any
		header     string
		status     int
		want       string
	}{
		{name: "an empty body", body: "", status: 400, want: "invalid json"},
		{name: "broken JSON", body: `{"inputs":`, status: 400, want: "invalid json at byte"},
		{
			name: "a pointer to the place", body: strings.Replace(inferJSON(threeRows, ""), "2.9", `"2.9"`, 1), status: 400,
			want: "/inputs/0/data/1/1: a string, want a number",
		},
		{
			name: "not finite", body: strings.Replace(inferJSON(threeRows, ""), "2.9", "1e999", 1), status: 400,
			want: "not finite",
		},
		{name: "infinity", body: nan, header: nanHeader, status: 400, want: "/inputs/0/data/3: -Inf is not finite"},
		{
			name: "another shape", body: strings.Replace(inferJSON(threeRows, ""), "[3,4]", "[4,3]", 1), status: 400,
			want: "/inputs/0/data",
		},
		{name: "an unknown output", body: inferJSON(threeRows, `,"outputs":[{"name":"x"}]`), status: 400, want: "/outputs/0"},
		{
			name: "a header that is not a number", body: "{}", header: inferenceHeader + ": ten", status: 400,
			want: `"ten" is not a number of bytes`,
		},
		{
			name: "a negative header", body: "{}", header: inferenceHeader + ": -1", status: 400,
			want: "is not a number of bytes",
		},
		{
			name: "a header beyond the body", body: "{}", header: inferenceHeader + ": 3", status: 400, want: "3 bytes are JSON",
		},
		{name: "half a raw row", body: "12345678", header: inferenceHeader + ": 0", status: 400, want: "multiple of 32"},
		{name: "too large", body: strings.Repeat(" ", 2<<20+1), status: 413, want: "2097152"},
		{
			name: "too many rows", body: append([]byte(many), make([]byte, 400004)...),
			header: inferenceHeader + ": " + strconv.Itoa(len(many)), status: 413, want: "at most 100000 rows",
		},
		{name: "another coding", body: "x", header: "Content-Encoding: br", status: 415, want: "gzip or as deflate"},
		{name: "no gzip", body: "x", header: "Content-Encoding: gzip", status: 400, want: "not gzip"},
		{name: "no deflate", body: "x", header: "Content-Encoding: deflate", status: 400, want: "not deflate"},
		{name: "damaged gzip", body: damaged, header: "Content-Encoding: gzip", status: 400, want: "damaged"},
		{name: "damaged deflate", body: badZlib.Bytes(), header: "Content-Encoding: deflate", status: 400, want: "damaged"},
		{name: "an unknown model", path: "/v2/models/tulip/infer", body: "{}", status: 404, want: "tulip"},
		{name: "no name of a model", path: "/v2/models/Iris/infer", body: "{}", status: 404, want: "Iris"},
		{
			name: "an unknown version", path: "/v2/models/iris/versions/99/infer", body: "{}", status: 404,
			want: `no version "99" of model iris`,
		},
		{name: "an unknown alias", path: "/v2/models/iris/versions/nobody/infer", body: "{}", status: 404, want: "nobody"},
		{name: "no reference", path: "/v2/models/iris/versions/a%20b/infer", body: "{}", status: 404, want: "a%20b"},
		{name: "a version 0", path: "/v2/models/iris/versions/0/infer", body: "{}", status: 404, want: `"0"`},
		{
			name: "a version of an unknown model", path: "/v2/models/tulip/versions/1/infer", body: "{}", status: 404,
			want: `no model "tulip"`,
		},
		{name: "no champion", path: "/v2/models/unpromoted/infer", body: "{}", status: 503, want: "no champion"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var headers []string
			if test.header != "" {
				headers = append(headers, test.header)
			}
			a.do(t, "POST", cmp.Or(test.path, path), test.body, headers...).inferenceError(t, test.status, test.want)
		})
	}
	if a.log.String() != "" {
		t.Errorf("a client's mistakes were logged: %s", a.log)
	}
}

// A request with values that a model cannot compute with is a bad request.
func TestInfer_hugeValues(t *testing.T) {
	a := newAPI(t)
	for _, value := range []float64{1e308, -1e308, 1e-308} {
		got := a.do(t, "POST", "/v2/models/iris/infer", inferJSON([][]float64{{value, value, -value, value}}, ""))
		if got.status == 400 {
			got.inferenceError(t, 400, "row 0: the values are too large")
		} else if got.status != 200 {
			t.Errorf("%v: %s", value, got)
		}
	}
}

func TestV2_errorsOfUnknownPathsAndMethods(t *testing.T) {
	a := newAPI(t)
	for _, test := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/v2/nothing", 404},
		{"GET", "/v2/models/iris/stats", 404},
		{"GET", "/v2/models/iris/versions", 404},
		{"POST", "/v2/predict", 404},
		{"GET", "/v2/models/iris/infer", 405},
		{"POST", "/v2", 405},
		{"GET", "/v2/repository/index", 405},
	} {
		got := a.do(t, test.method, test.path, nil)
		got.inferenceError(t, test.status)
		if test.status == 405 && got.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", test.method, test.path)
		}
	}
	a.do(t, "GET", "/v2x/y", nil).problem(t, 404)
}

func TestV2_panicsAreErrorsOfTheProtocol(t *testing.T) {
	a := newAPI(t)
	a.router.Path("/v2/panic").HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("secret") })
	got := a.do(t, "GET", "/v2/panic", nil)
	got.inferenceError(t, 500, "internal error")
	if strings.Contains(string(got.body), "secret") {
		t.Errorf("%s tells too much", got.body)
	}
}

func TestV2_serverAndHealth(t *testing.T) {
	a := newAPI(t)
	var server openinference.InferenceServer
	a.do(t, "GET", "/v2", nil).json(t, 200, &server)
	if server.Name != "iris" || server.Version != "v1.2.3" || !slices.Contains(server.Extensions, "binary_tensor_data") {
		t.Errorf("server %+v", server)
	}
	a.do(t, "GET", "/v2/", nil).json(t, 200, &server)
	var live openinference.InferenceLive
	if a.do(t, "GET", "/v2/health/live", nil).json(t, 200, &live); !live.Live {
		t.Error("not live")
	}
	var ready openinference.InferenceReady
	if a.do(t, "GET", "/v2/health/ready", nil).json(t, 200, &ready); !ready.Ready {
		t.Error("not ready")
	}
	other := newAPI(t, func(o *Options) { o.DefaultModel = unpromotedModel })
	other.do(t, "GET", "/v2/health/ready", nil).inferenceError(t, 503, "unpromoted", "no champion")
}

func TestV2_models(t *testing.T) {
	a := newAPI(t)
	var list openinference.InferenceModels
	a.do(t, "GET", "/v2/models", nil).json(t, 200, &list)
	for _, name := range []string{dataset.IrisModel, wineModel, unpromotedModel} {
		if !slices.Contains(list.Models, name) {
			t.Errorf("%s is not in %v", name, list.Models)
		}
	}
	for path, version := range map[string]string{
		"": "1", "/versions/1": "1", "/versions/champion": "1", "/versions/2": "2",
	} {
		var m openinference.InferenceModel
		a.do(t, "GET", "/v2/models/iris"+path, nil).json(t, 200, &m)
		schema := dataset.Iris()
		want := openinference.InferenceModel{
			Name:     "iris",
			Platform: "onnx_onnxv1",
			Versions: m.Versions,
			Inputs: []openinference.InferenceTensor{
				{
					Name:       "input",
					Datatype:   "FP64",
					Shape:      []int64{-1, 4},
					Parameters: map[string][]string{"features": schema.Features},
				},
			},
			Outputs: []openinference.InferenceTensor{
				{Name: "label", Datatype: "BYTES", Shape: []int64{-1}},
				{
					Name:       "probabilities",
					Datatype:   "FP64",
					Shape:      []int64{-1, 3},
					Parameters: map[string][]string{"classes": schema.Classes},
				},
			},
		}
		if !reflect.DeepEqual(m, want) || len(m.Versions) < 2 || m.Versions[0] != "1" {
			t.Errorf("%s: %+v, want %+v of versions 1, 2", path, m, want)
		}
		var ready openinference.InferenceReady
		if a.do(t, "GET", "/v2/models/iris"+path+"/ready", nil).json(t, 200, &ready); !ready.Ready || ready.Name != "iris" {
			t.Errorf("version %s: %+v", version, ready)
		}
		var config openinference.InferenceConfig
		a.do(t, "GET", "/v2/models/iris"+path+"/config", nil).json(t, 200, &config)
		input := []openinference.InferenceConfigTensor{{Name: "input", DataType: "TYPE_FP64", Dims: []int64{-1, 4}}}
		output := []openinference.InferenceConfigTensor{
			{Name: "label", DataType: "TYPE_STRING", Dims: []int64{-1}},
			{Name: "probabilities", DataType: "TYPE_FP64", Dims: []int64{-1, 3}},
		}
		if config.Name != "iris" || config.MaxBatchSize != 0 ||
			!reflect.DeepEqual(config.Input, input) || !reflect.DeepEqual(config.Output, output) ||
			config.Parameters["classes"].StringValue != `["setosa","versicolor","virginica"]` {
			t.Errorf("config %+v", config)
		}
	}
	for _, path := range []string{"", "/ready", "/config"} {
		a.do(t, "GET", "/v2/models/tulip"+path, nil).inferenceError(t, 404, "tulip")
		a.do(t, "GET", "/v2/models/iris/versions/99"+path, nil).inferenceError(t, 404, "99")
		a.do(t, "GET", "/v2/models/unpromoted"+path, nil).inferenceError(t, 503, "no champion")
	}
}

func TestV2_repository(t *testing.T) {
	a := newAPI(t)
	entry := func(body any, name string) *openinference.InferenceIndexEntry {
		var index []openinference.InferenceIndexEntry
		a.do(t, "POST", "/v2/repository/index", body).json(t, 200, &index)
		if i := slices.IndexFunc(index, func(e openinference.InferenceIndexEntry) bool { return e.Name == name }); i >= 0 {
			return &index[i]
		}
		return nil
	}
	iris := openinference.InferenceIndexEntry{Name: "iris", Version: "1", State: "READY"}
	if got := entry(nil, "iris"); got == nil || *got != iris {
		t.Errorf("iris is %+v", got)
	}
	unpromoted := openinference.InferenceIndexEntry{
		Name: unpromotedModel, Version: "1", State: "UNAVAILABLE", Reason: "there is no champion",
	}
	if got := entry(`{"ready":false}`, unpromotedModel); got == nil || *got != unpromoted {
		t.Errorf("%s is %+v", unpromotedModel, got)
	}
	if got := entry(`{"ready":true}`, unpromotedModel); got != nil {
		t.Errorf("%+v is listed as ready", got)
	}
	for _, body := range []any{nil, "{}", `{"parameters":{}}`, " \n"} {
		if got := a.do(t, "POST", "/v2/repository/models/iris/load", body); got.status != 200 || len(got.body) != 0 {
			t.Errorf("load with %v: %s", body, got)
		}
	}
	for _, test := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"index", `{`, 400, "not JSON"},
		{"index", `{"ready":"yes"}`, 400, "not JSON"},
		{"index", `null`, 400, "not JSON"},
		{"models/iris/load", ` null `, 400, "not JSON"},
		{"index", strings.Repeat(" ", httpio.MaxSmall+1), 413, "larger"},
		{"models/iris/load", `[]`, 400, "not JSON"},
		{"models/iris/load", `{"parameters":{"file:1/model.onnx":"eA==","config":"{}"}}`, 400, `parameter "config"`},
		{"models/tulip/load", ``, 404, "tulip"},
		{"models/unpromoted/load", ``, 400, "no champion to load"},
		{"models/iris/unload", `{"parameters":{"unload_dependents":false}}`, 400, "version 1 is its champion"},
		{"models/iris/unload", `x`, 400, "not JSON"},
		{"models/tulip/unload", ``, 404, "tulip"},
	} {
		a.do(t, "POST", "/v2/repository/"+test.path, test.body).inferenceError(t, test.status, test.want)
	}
	got := a.do(t, "POST", "/v2/repository/models/unpromoted/unload", `{"parameters":{"unload_dependents":true}}`)
	if got.status != 200 {
		t.Errorf("unload of a model that is not served: %s", got)
	}
}

// A load serves what another process has promoted, without waiting for the next poll.
func TestV2_loadServesANewChampion(t *testing.T) {
	w := theWorld(t)
	const name = "loaded"
	w.addVersion(t, name, []byte(awkwardCSV), model.Spec{Algorithm: model.DecisionTree})
	cache := must(champions.New(champions.Options{Registry: w.registry}))
	a := newAPI(t, func(o *Options) { o.Cache = cache })
	a.do(t, "GET", "/v2/models/loaded/ready", nil).inferenceError(t, 503)
	w.promote(t, name, "1")
	var index []openinference.InferenceIndexEntry
	a.do(t, "POST", "/v2/repository/index", nil).json(t, 200, &index)
	want := openinference.InferenceIndexEntry{
		Name: name, Version: "1", State: "UNAVAILABLE", Reason: "the champion is not loaded yet",
	}
	if !slices.Contains(index, want) {
		t.Errorf("index %+v", index)
	}
	if got := a.do(t, "POST", "/v2/repository/models/loaded/load", "{}"); got.status != 200 {
		t.Fatal(got)
	}
	var ready openinference.InferenceReady
	a.do(t, "GET", "/v2/models/loaded/ready", nil).json(t, 200, &ready)
}

// While MLflow is down, versions in memory are served, and all others are a 503.
func TestV2_mlflowIsDown(t *testing.T) {
	down, empty := downRegistry(t, unusedPort(t))
	a := newAPI(t, func(o *Options) { o.Registry = down })
	inferReply(t, a.do(t, "POST", "/v2/models/iris/infer", inferJSON(threeRows, "")))
	var m openinference.InferenceModel
	if a.do(t, "GET", "/v2/models/iris", nil).json(t, 200, &m); !slices.Equal(m.Versions, []string{"1"}) {
		t.Errorf("versions %v, want the one in memory", m.Versions)
	}
	a.do(t, "GET", "/v2/models", nil).inferenceError(t, 503, "does not answer")
	a.do(t, "POST", "/v2/repository/index", nil).inferenceError(t, 503)
	a.do(t, "POST", "/v2/repository/models/tulip/load", nil).inferenceError(t, 503)
	a = newAPI(t, func(o *Options) { o.Cache = empty })
	a.do(t, "POST", "/v2/repository/models/wine/load", nil).inferenceError(t, 503, "does not answer")
	a.do(t, "GET", "/v2/models/wine/versions/1/ready", nil).inferenceError(t, 503)
}

// Large bodies and large answers share the places that limit the memory of the process.
func TestInfer_placesForLargeRequests(t *testing.T) {
	a := newAPI(t)
	for range httpio.MaxBulk {
		release := must(a.bulk.Take())
		defer release()
	}
	message := `{"inputs":[{"name":"input","datatype":"INT8","shape":[50000,4],"parameters":{"binary_data_size":200000}}]}`
	body, header := append([]byte(message), make([]byte, 200_000)...), inferenceHeader+": "+strconv.Itoa(len(message))
	got := a.do(t, "POST", "/v2/models/iris/infer", body, header)
	got.inferenceError(t, 503, "large bodies")
	if got.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	inferReply(t, a.do(t, "POST", "/v2/models/iris/infer", inferJSON(threeRows, "")))
}

// The rows of a client that hung up are not scored.
func TestInfer_hangUp(t *testing.T) {
	a := newAPI(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(ctx, "POST", "/v2/models/iris/infer", strings.NewReader(inferJSON(threeRows, "")))
	defer func() {
		if v := recover(); v != any(http.ErrAbortHandler) {
			t.Errorf("got %v, want the connection to be cut", v)
		}
	}()
	a.Handler().ServeHTTP(httptest.NewRecorder(), r)
}

// Except for the slices that hold the rows, the allocations of a request do not grow with its rows.
func TestInfer_allocatesNothingPerRow(t *testing.T) {
	handler := newAPI(t).Handler()
	cost := func(rows int) float64 {
		all := make([][]float64, rows)
		for i := range all {
			all[i] = threeRows[i%3]
		}
		binaryBody, header := inferBinary(all, `,"parameters":{"binary_data_output":true}`)
		_, header, _ = strings.Cut(header, ": ")
		text := []byte(inferJSON(all, ""))
		return testing.AllocsPerRun(10, func() {
			for _, test := range []struct {
				body   []byte
				header string
			}{{text, ""}, {binaryBody, header}} {
				r := httptest.NewRequest("POST", "/v2/models/iris/infer", bytes.NewReader(test.body))
				r.Header.Set(inferenceHeader, test.header)
				w := httptest.NewRecorder()
				if handler.ServeHTTP(w, r); w.Code != 200 {
					t.Fatal(w.Body)
				}
			}
		})
	}
	few, many := cost(10), cost(5000)
	if many > few+500 { // for slices that grow, and for the pieces in which a large answer is sent
		t.Errorf("10 rows take %v allocations, 5,000 rows %v, twice each", few, many)
	}
}

func BenchmarkInfer(b *testing.B) {
	handler := newAPI(b).Handler()
	body := inferJSON(threeRows[:1], "")
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/v2/models/iris/infer", strings.NewReader(body))
		w := httptest.NewRecorder()
		if handler.ServeHTTP(w, r); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

// A version that Iris did not register is in MLflow and cannot be asked.
func TestV2_foreignVersions(t *testing.T) {
	const name = "foreign-v2"
	w := theWorld(t)
	ours := w.addVersion(t, name, []byte(awkwardCSV), model.Spec{Algorithm: model.DecisionTree})
	w.promote(t, name, ours.Number)
	foreign := must(
		w.mlflow.CreateVersion(
			t.Context(),
			mlflow.NewVersion{Name: name, LoggedModelID: ours.LoggedModelID, RunID: strings.Repeat("f", 32)},
		),
	)
	a := newAPI(t)
	var m openinference.InferenceModel
	if a.do(t, "GET", "/v2/models/foreign-v2", nil).json(t, 200, &m); !slices.Equal(m.Versions, []string{"1"}) {
		t.Errorf("versions %v, want that of Iris alone", m.Versions)
	}
	a.do(t, "POST", "/v2/models/foreign-v2/versions/"+foreign.Version+"/infer", "{}").
		inferenceError(t, 400, "not registered by Iris")
	if err := w.mlflow.SetAlias(t.Context(), name, registry.ChampionAlias, foreign.Version); err != nil {
		t.Fatal(err)
	}
	a.do(t, "POST", "/v2/repository/models/foreign-v2/load", nil).inferenceError(t, 400, "not registered by Iris")
	inferReply(
		t,
		a.do(
			t,
			"POST",
			"/v2/models/foreign-v2/infer",
			`{"inputs":[`+tensorJSON("input", "FP64", []int{1, 2}, []int{1, 2})+`]}`,
		),
	)
}
