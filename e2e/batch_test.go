package e2e

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"iris/internal/objstore"
	"iris/internal/scores"
	"iris/model"
	"iris/workflows"
)

// slowFeatures is a number of features with which a k-d tree does not help.
const slowFeatures = 12

// slowModel trains a model whose predictions take tens of microseconds each.
func (s *iris) slowModel(name string) {
	s.t.Helper()
	s.train(
		workflows.TrainingInput{
			Model:      name,
			DatasetURI: s.put("given/"+name+".csv", wideRows(3000, slowFeatures)),
			Algorithm:  model.KNN,
		},
	)
}

// putSlowRows stores rows for a slow model. The key column has keyBytes bytes.
func (s *iris) putSlowRows(key string, rows, keyBytes int) objstore.Ref {
	s.t.Helper()
	random := rand.New(rand.NewPCG(7, 8))
	var b bytes.Buffer
	b.WriteString("id")
	for i := range slowFeatures {
		fmt.Fprintf(&b, ",f%d", i)
	}
	for i := range rows {
		fmt.Fprintf(&b, "\n%0*d", keyBytes, i)
		for range slowFeatures {
			fmt.Fprintf(&b, ",%d", random.IntN(100_000))
		}
	}
	ref, err := s.Store.Put(s.t.Context(), bucket, key, &b, -1, "text/csv")
	if err != nil {
		s.t.Fatal(err)
	}
	return ref
}

// startBatch starts a batch in the same way as the API.
func (s *iris) startBatch(id string, priority temporal.Priority, in workflows.BatchInput) {
	s.t.Helper()
	_, err := s.Temporal.ExecuteWorkflow(
		s.t.Context(),
		client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue, Priority: priority},
		workflows.BatchPrediction,
		in,
	)
	if err != nil {
		s.t.Fatal(err)
	}
}

// status queries the progress of a task.
func (s *iris) status(id string) (status workflows.Status, ok bool) {
	value, err := s.Temporal.QueryWorkflow(s.t.Context(), id, "", workflows.StatusQuery)
	return status, err == nil && value.Get(&status) == nil
}

func (s *iris) manifest(id string) (m workflows.Manifest) {
	s.t.Helper()
	if err := s.Store.GetJSON(s.t.Context(), bucket, objstore.BatchManifestKey(id), &m); err != nil {
		s.t.Fatal(err)
	}
	return m
}

func (s *iris) read(ref objstore.Ref) []byte {
	s.t.Helper()
	body, err := s.Store.Get(s.t.Context(), ref)
	if err != nil {
		s.t.Fatal(err)
	}
	data, err := io.ReadAll(body)
	if err := errors.Join(err, body.Close()); err != nil {
		s.t.Fatal(err)
	}
	return data
}

// shardTimes has the times at which a shard was queued, started and scored.
type shardTimes struct{ scheduled, started, completed time.Time }

// shards returns the times of a batch's shards, from its history.
func (s *iris) shards(id string) []shardTimes {
	s.t.Helper()
	of := map[int64]*shardTimes{}
	var order []int64
	events := s.Temporal.GetWorkflowHistory(s.t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			s.t.Fatal(err)
		}
		at := event.GetEventTime().AsTime()
		switch a := event.GetAttributes().(type) {
		case *historypb.HistoryEvent_ActivityTaskScheduledEventAttributes:
			if a.ActivityTaskScheduledEventAttributes.GetActivityType().GetName() == "ScoreShard" {
				of[event.GetEventId()] = &shardTimes{scheduled: at}
				order = append(order, event.GetEventId())
			}
		case *historypb.HistoryEvent_ActivityTaskStartedEventAttributes:
			if shard := of[a.ActivityTaskStartedEventAttributes.GetScheduledEventId()]; shard != nil {
				shard.started = at
			}
		case *historypb.HistoryEvent_ActivityTaskCompletedEventAttributes:
			if shard := of[a.ActivityTaskCompletedEventAttributes.GetScheduledEventId()]; shard != nil {
				shard.completed = at
			}
		}
	}
	times := make([]shardTimes, len(order))
	for i, event := range order {
		times[i] = *of[event]
	}
	return times
}

// A batch that a client waits for overtakes the queued shards of a bulk batch, and ends long before it.
func TestBatch_interactiveBeforeBulk(t *testing.T) {
	s := start(t)
	s.slowModel("patient")
	large := s.putSlowRows("given/patient-large.csv", 50_000, 1500) // 80 MB: twenty shards of some tenths of a second
	small := s.putSlowRows("given/patient-small.csv", 100, 1)
	const bulk, quick = "patient-bulk", "patient-quick"
	s.startBatch(
		bulk,
		workflows.PriorityBulk,
		workflows.BatchInput{Model: "patient", Rows: large, KeyColumns: []string{"id"}},
	)
	eventually(t, "the shards of the bulk batch to be queued", func() bool {
		status, ok := s.status(bulk)
		return ok && status.ShardsTotal > 0
	})
	s.startBatch(quick, workflows.PriorityInteractive, workflows.BatchInput{Model: "patient", Rows: small})
	if err := s.await(quick, nil); err != nil {
		t.Fatal(err)
	}
	between, ok := s.status(bulk)
	if !ok || between.ShardsDone == between.ShardsTotal {
		t.Errorf("status of the bulk batch when the other was done: %+v, want shards left", between)
	}
	if err := s.await(bulk, nil); err != nil {
		t.Fatal(err)
	}
	interactive, before, overtaken := s.shards(quick)[0], 0, 0
	for _, shard := range s.shards(bulk) {
		switch {
		case shard.scheduled.After(interactive.scheduled), shard.started.Before(interactive.scheduled):
		case shard.started.Before(interactive.started): // while the server dispatched the interactive one
			before++
		default:
			overtaken++
		}
	}
	if overtaken <= before {
		t.Errorf(
			"of the shards queued with the interactive one, %d started before it and %d after it, want most after it",
			before,
			overtaken,
		)
	}
}

// A batch that is cancelled half-way keeps its finished parts.
func TestBatch_cancelKeepsFinishedParts(t *testing.T) {
	s := start(t)
	s.slowModel("halfway")
	const rows, id = 40_000, "halfway-batch"
	s.startBatch(id, workflows.PriorityBulk, workflows.BatchInput{
		Model: "halfway", Rows: s.putSlowRows("given/halfway.csv", rows, 500), KeyColumns: []string{"id"}, Output: "jsonl",
	})
	eventually(t, "the first parts", func() bool {
		status, ok := s.status(id)
		return ok && status.ShardsDone > 0
	})
	s.call(http.MethodDelete, "/tasks/"+id, "", nil).want(t, http.StatusAccepted, nil)
	if err := s.await(id, nil); err == nil || !strings.Contains(err.Error(), "cancel") {
		t.Fatalf("ended with %v, want it cancelled", err)
	}
	m := s.manifest(id)
	if m.State != string(workflows.Revoked) || len(m.Parts) == 0 || m.Rows == 0 || m.Rows >= rows || m.Output.Key != "" {
		t.Fatalf(
			"manifest of %d rows in %d parts, state %s, output %+v: want some of the rows and no output",
			m.Rows,
			len(m.Parts),
			m.State,
			m.Output,
		)
	}
	for _, part := range m.Parts {
		reader, err := m.Layout.NewLineReader(bytes.NewReader(s.read(part.Ref)))
		if err != nil {
			t.Fatal(err)
		}
		var row scores.Row
		var n int64
		for err = reader.Read(&row); err == nil; err = reader.Read(&row) {
			n++
		}
		if !errors.Is(err, io.EOF) || n != part.Rows {
			t.Errorf("%d rows of part %d, then %v; the manifest says %d", n, part.Shard, err, part.Rows)
		}
	}
}

// One batch combines a prefix with each kind of input, bad rows, keys, and one Parquet of scores.
func TestBatch_everyKindOfInput(t *testing.T) {
	s := start(t)
	s.train(workflows.TrainingInput{Model: "kinds", DatasetURI: s.put("given/kinds.csv", noisyRows(42, 300))})
	var packed, table bytes.Buffer
	zip := gzip.NewWriter(&packed)
	if _, err := zip.Write([]byte("id,x,y\na1,-3,-3\na2,huge,1\n")); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	type row struct {
		Y  float64 `parquet:"y"`
		X  int32   `parquet:"x"`
		ID string  `parquet:"id"`
	}
	if err := parquet.Write(&table, []row{{3, 3, "b1"}, {-3, -3, "b2"}}); err != nil {
		t.Fatal(err)
	}
	s.put("given/kinds/a.csv.gz", packed.Bytes())
	s.put("given/kinds/b.parquet", table.Bytes())
	s.put("given/kinds/c.jsonl", []byte(`{"y":3,"x":3,"id":"c1"}`+"\n"+`{"y":3,"id":"c2"}`+"\n"))
	in := workflows.BatchInput{
		Model:         "kinds",
		Rows:          objstore.Ref{Bucket: bucket, Key: "given/kinds/"},
		KeyColumns:    []string{"id"},
		Output:        "parquet",
		LabelsOnly:    true,
		MaxErrorRatio: new(0.5),
	}
	s.startBatch("kinds-batch", workflows.PriorityBulk, in)
	var result workflows.BatchResult
	if err := s.await("kinds-batch", &result); err != nil {
		t.Fatal(err)
	}
	if result.Rows != 4 || result.Failed != 2 || result.Shards != 3 {
		t.Errorf("result %+v, want 4 rows and 2 bad ones in 3 shards", result)
	}
	type scored struct {
		ID    string `parquet:"id"`
		Label string `parquet:"label"`
	}
	output := s.read(result.Output)
	got, err := parquet.Read[scored](bytes.NewReader(output), int64(len(output)))
	if want := "[{a1 left} {b1 right} {b2 left} {c1 right}]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("scores %v (%v), want %s", got, err, want)
	}
	want := "object,line,column,reason\n" +
		"given/kinds/a.csv.gz,3,x,\"\"\"huge\"\" is not a finite number\"\n" +
		"given/kinds/c.jsonl,2,x,missing\n"
	if errors := string(s.read(result.Errors)); errors != want {
		t.Errorf("errors\n%swant\n%s", errors, want)
	}

	in.MaxErrorRatio = new(0.1)
	s.startBatch("kinds-strict", workflows.PriorityBulk, in)
	err = s.await("kinds-strict", nil)
	if err == nil || !strings.Contains(err.Error(), "rows read are bad") ||
		!strings.Contains(err.Error(), "the first: given/kinds/") {
		t.Errorf("ended with %v, want how many rows are bad and one of them", err)
	}
}
