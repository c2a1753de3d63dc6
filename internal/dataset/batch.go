package dataset

// BatchRequest is a batch of rows as it is posted, not decoded yet: the rows
// wait for the schema of the model that is asked for.
type BatchRequest struct {
	ModelID string   // as written, "" when absent
	Data    []byte   // the value of "data", part of the document: see RowDecoder.DecodeRows; nil when absent
	Others  []Member // in their order
}

// Member is a field of an object, not decoded yet.
type Member struct {
	Name  string
	Value []byte
}

// ParseBatchRequest reads {"model_id": "…", "data": […]}. Either may be missing,
// and there may be others. Errors are those of RowDecoder.
func ParseBatchRequest(data []byte) (BatchRequest, error) {
	s := jsonScanner{data: data}
	s.space()
	request, err := batchRequest(&s)
	if err == nil {
		err = s.end()
	}
	if err != nil {
		return BatchRequest{}, syntaxFirst(data, err)
	}
	return request, nil
}

func batchRequest(s *jsonScanner) (BatchRequest, error) {
	var request BatchRequest
	if s.peek() != '{' {
		return request, &RowError{Reason: s.kind() + ", want an object"}
	}
	s.pos++
	named := false
	for first := true; ; first = false {
		name, ok, err := s.member(first)
		if err != nil || !ok {
			return request, err
		}
		switch name := string(name.decode(nil)); name {
		case "model_id":
			if named {
				return request, &RowError{Pointer: "/model_id", Reason: "given twice"}
			}
			if s.peek() != '"' {
				return request, &RowError{Pointer: "/model_id", Reason: s.kind() + ", want a string"}
			}
			id, err := s.text()
			if err != nil {
				return request, err
			}
			request.ModelID, named = string(id.decode(nil)), true
		case "data":
			if request.Data != nil {
				return request, &RowError{Pointer: "/data", Reason: "given twice"}
			}
			start := s.pos
			if err := s.skip(1); err != nil {
				return request, err
			}
			request.Data = s.data[start:s.pos]
		default:
			start := s.pos
			if err := s.skip(1); err != nil {
				return request, err
			}
			request.Others = append(request.Others, Member{Name: name, Value: s.data[start:s.pos]})
		}
	}
}
