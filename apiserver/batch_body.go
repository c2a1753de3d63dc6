package apiserver

import (
	"iris/internal/dataset"
	"iris/internal/jsonrow"
)

// batchBody is a batch of rows as it is posted, not decoded yet: the rows
// wait for the schema of the model that is asked for.
type batchBody struct {
	ModelID string   // as written, "" when absent
	Data    []byte   // the value of "data", part of the document: see jsonrow.Decoder.DecodeRows; nil when absent
	Others  []member // in their order
}

// member is a field of an object, not decoded yet.
type member struct {
	Name  string
	Value []byte
}

// parseBatchBody reads {"model_id": "…", "data": […]}. Either may be missing,
// and there may be others. Errors are those of jsonrow.Decoder.
func parseBatchBody(data []byte) (batchBody, error) {
	s := jsonrow.Scanner{Data: data}
	s.Space()
	request, err := readBatchBody(&s)
	if err == nil {
		err = s.End()
	}
	if err != nil {
		if syntax := jsonrow.Check(data); syntax != nil {
			err = syntax
		}
		return batchBody{}, err
	}
	return request, nil
}

func readBatchBody(s *jsonrow.Scanner) (batchBody, error) {
	var request batchBody
	if s.Peek() != '{' {
		return request, &dataset.RowError{Reason: s.Kind() + ", want an object"}
	}
	s.Pos++
	named := false
	for first := true; ; first = false {
		name, ok, err := s.Member(first)
		if err != nil || !ok {
			return request, err
		}
		switch name := string(name.Decode(nil)); name {
		case "model_id":
			if named {
				return request, &dataset.RowError{Pointer: "/model_id", Reason: "given twice"}
			}
			if s.Peek() != '"' {
				return request, &dataset.RowError{Pointer: "/model_id", Reason: s.Kind() + ", want a string"}
			}
			id, err := s.Text()
			if err != nil {
				return request, err
			}
			request.ModelID, named = string(id.Decode(nil)), true
		case "data":
			if request.Data != nil {
				return request, &dataset.RowError{Pointer: "/data", Reason: "given twice"}
			}
			start := s.Pos
			if err := s.Skip(1); err != nil {
				return request, err
			}
			request.Data = s.Data[start:s.Pos]
		default:
			start := s.Pos
			if err := s.Skip(1); err != nil {
				return request, err
			}
			request.Others = append(request.Others, member{Name: name, Value: s.Data[start:s.Pos]})
		}
	}
}
