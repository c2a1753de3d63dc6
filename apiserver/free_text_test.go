package apiserver

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"iris/apiserver/serving"
	"iris/internal/dataset"
	"iris/internal/dataset/datasettest"
	"iris/internal/inferencepb"
	"iris/model"
)

const reviewsModel = "reviews"

func serveReviews(t *testing.T, a *api) *model.Model {
	t.Helper()
	a.addTable(t, reviewsModel, datasettest.Reviews(t, 300), model.Spec{Algorithm: model.LogisticRegression})
	a.promote(t, reviewsModel, "1")
	return a.cache.Champion(reviewsModel).Model
}

// reviewTexts has the text of each row of the tests below. The last row has none. The age is 31 in all of them.
var reviewTexts = []string{"Die Suppe, \"KALT\" –\nand the waiter\tawful \u0000 \U0001F600", "lovely", "!?", ""}

// reviewsWant returns the probabilities of the rows.
func reviewsWant(t *testing.T, m *model.Model) (want []float64) {
	t.Helper()
	cells := dataset.NewCells(m.Schema())
	x, p := make([]float64, cells.Width()), make([]float64, 2)
	for _, text := range reviewTexts {
		if reason := cells.Number(x, 0, 31) + cells.Text(x, 1, []byte(text)); reason != "" {
			t.Fatal(reason)
		}
		m.Predict(x, p)
		want = append(want, p...)
	}
	if want[1] > 0.5 || want[3] < 0.5 {
		t.Fatalf("%v: the words tell nothing", want)
	}
	return want
}

// A text has the same probabilities in every protocol, to the bit.
func TestFreeText_everyProtocol(t *testing.T) {
	a := newGRPC(t)
	m := serveReviews(t, a.api)
	want := reviewsWant(t, m)
	check := func(name string, p []float64) {
		t.Helper()
		if !slices.Equal(p, want) {
			t.Errorf("%s: %v, want %v", name, p, want)
		}
	}
	rows := make([]map[string]any, len(reviewTexts))
	var raw []byte
	var texts [][]byte
	var table strings.Builder
	table.WriteString("review,age\n")
	for i, text := range reviewTexts {
		rows[i] = map[string]any{"age": 31, "review": text}
		texts = append(texts, []byte(text))
		raw = append(binary.LittleEndian.AppendUint32(raw, uint32(len(text))), text...)
		fmt.Fprintf(&table, "\"%s\",31\n", strings.ReplaceAll(text, `"`, `""`))
	}
	records, list := string(must(json.Marshal(rows))), string(must(json.Marshal(reviewTexts)))

	var predicted []serving.Prediction
	got := a.do(t, "POST", "/reviews/predict", records, "Content-Type: application/json")
	got.json(t, 200, &predicted)
	var p []float64
	for _, prediction := range predicted {
		p = append(p, prediction.Probabilities["bad"], prediction.Probabilities["good"])
	}
	check("predict", p)
	if got.header.Get(serving.MissingHeader) != "1" || got.header.Get(serving.UnseenHeader) != "" {
		t.Errorf("headers %v, want one missing value and none unseen", got.header)
	}

	predictions := func(path, body, kind string) (p []float64) {
		t.Helper()
		var reply struct{ Predictions []map[string]any }
		a.do(t, "POST", path, body, "Content-Type: "+kind).json(t, 200, &reply)
		for _, one := range reply.Predictions {
			p = append(p, one["p_bad"].(float64), one["p_good"].(float64))
		}
		return p
	}
	for name, body := range map[string]string{
		"dataframe_records": `{"dataframe_records":` + records + `}`,
		"instances":         `{"instances":` + records + `}`,
		"inputs":            `{"inputs":{"age":[31,31,31,31],"review":` + list + `}}`,
	} {
		check(name, predictions("/reviews/invocations", body, "application/json"))
	}
	check("CSV", predictions("/reviews/invocations", table.String(), "text/csv"))
	check("KServe V1", predictions("/v1/models/reviews:predict", `{"instances":`+records+`}`, "application/json"))

	infer := func(body []byte, header ...string) []float64 {
		t.Helper()
		_, _, all := inferReply(t, a.do(t, "POST", "/v2/models/reviews/infer", body, header...))
		return all
	}
	ages := `{"name":"age","datatype":"INT64","shape":[4],"data":[31,31,31,31]}`
	check("V2", infer([]byte(`{"inputs":[`+ages+`,{"name":"review","datatype":"BYTES","shape":[4,1],"data":`+list+`}]}`)))
	message := fmt.Sprintf(`{"parameters":{"binary_data_output":true},"inputs":[%s,{"name":"review","datatype":"BYTES",`+
		`"shape":[4],"parameters":{"binary_data_size":%d}}]}`, ages, len(raw))
	check("V2 binary", infer(append([]byte(message), raw...), fmt.Sprintf("%s: %d", inferenceHeader, len(message))))

	reply, err := a.ModelInfer(t.Context(), &inferencepb.ModelInferRequest{
		ModelName: reviewsModel, Inputs: []*inferInput{
			{Name: "review", Datatype: "BYTES", Shape: []int64{4}, Contents: &contents{BytesContents: texts}},
			{Name: "age", Datatype: "INT64", Shape: []int64{4}, Contents: &contents{Int64Contents: []int64{31, 31, 31, 31}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	check("gRPC", reply.GetOutputs()[1].GetContents().GetFp64Contents())
	described, err := a.ModelMetadata(t.Context(), &inferencepb.ModelMetadataRequest{Name: reviewsModel})
	if err != nil || described.GetInputs()[1].GetDatatype() != "BYTES" {
		t.Errorf("metadata %v, %v; want BYTES", described, err)
	}
}

// A number or a truth value counts as what is written, and half a surrogate separates words.
func TestFreeText_otherValues(t *testing.T) {
	a := newAPI(t)
	serveReviews(t, a)
	ask := func(value string) (p serving.Prediction) {
		t.Helper()
		a.do(t, "POST", "/reviews/predict", `{"age":31,"review":`+value+`}`, "Content-Type: application/json").
			json(t, 200, &p)
		return p
	}
	same := func(value, other string) {
		t.Helper()
		if a, b := ask(value).Probabilities, ask(other).Probabilities; a["good"] != b["good"] {
			t.Errorf("%s: %v, and %s: %v", value, a, other, b)
		}
	}
	same(`1.50`, `"1.50"`)
	same(`true`, `"true"`)
	same(`null`, `"n/a"`)
	same(`"cold\ud800soup"`, `"cold soup"`)
	a.do(t, "POST", "/reviews/predict", `{"age":31,"review":["cold"]}`, "Content-Type: application/json").problem(t, 422)
	notUTF8 := "{\"age\":31,\"review\":\"cold\xffsoup\"}"
	a.do(t, "POST", "/reviews/predict", notUTF8, "Content-Type: application/json").problem(t, 400)

	var document struct {
		Paths map[string]struct {
			Post struct {
				RequestBody struct {
					Content map[string]struct {
						Schema struct {
							Properties map[string]struct{ Type any }
						}
						Example map[string]any
					}
				}
			}
		}
	}
	if err := json.Unmarshal(a.do(t, "GET", "/openapi.json", nil).body, &document); err != nil {
		t.Fatal(err)
	}
	body := document.Paths["/reviews/predict"].Post.RequestBody.Content["application/json"]
	if got := fmt.Sprint(body.Schema.Properties["review"].Type); got != "[string null]" {
		t.Errorf("the review is a %s, want a string", got)
	}
	example := must(json.Marshal(body.Example))
	if got := a.do(t, "POST", "/reviews/predict", example, "Content-Type: application/json"); got.status != 200 {
		t.Errorf("the example %s: %s", example, got)
	}
	var version Version
	a.do(t, "GET", "/reviews/versions/1", nil).json(t, 200, &version)
	if len(version.Columns) != 2 || version.Columns[1].Kind != dataset.Text || version.Columns[1].Levels != 0 {
		t.Errorf("columns %+v, want a text", version.Columns)
	}
}
