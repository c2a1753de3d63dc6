package apiserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"go.temporal.io/api/workflowservice/v1"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/workflows"
)

const (
	defaultPageSize = 50
	maxPageSize     = 200
)

type tasksInput struct {
	Type      string `query:"type" enum:"Training,BatchPrediction,Promotion" doc:"only tasks of this type"`
	Prefix    string `query:"prefix" maxLength:"200" pattern:"^[ !#-\\[\\]-~]*$" patternDescription:"printable ASCII without quotation marks and backslashes" doc:"only tasks whose id starts with this, as in training-iris-"`
	PageSize  int    `query:"page_size" minimum:"0" doc:"at most so many; 0 is 50, and no page has more than 200"`
	PageToken string `query:"page_token" maxLength:"10000" doc:"next_page_token of the page before"`
}

type tasksOutput struct {
	Body struct {
		Tasks         []Task `json:"tasks" nullable:"false" doc:"newest first, without progress and results"`
		NextPageToken string `json:"next_page_token" doc:"empty on the last page"`
	}
}

func (s *Server) getTasks(ctx context.Context, in *tasksInput) (*tasksOutput, error) {
	query := visibilityQuery(in.Type, in.Prefix)
	token, err := openPageToken(query, in.PageToken)
	if err != nil {
		return nil, err
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	page, err := s.Temporal.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Query:         query,
		PageSize:      int32(min(either(in.PageSize, defaultPageSize), maxPageSize)),
		NextPageToken: token,
	})
	if err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	out := new(tasksOutput)
	out.Body.Tasks = make([]Task, 0, len(page.GetExecutions()))
	for _, info := range page.GetExecutions() {
		out.Body.Tasks = append(out.Body.Tasks, s.taskOfInfo(info))
	}
	out.Body.NextPageToken = pageToken(query, page.GetNextPageToken())
	return out, nil
}

// pageToken is Temporal's token for the next page of a query, "" for none. Temporal answers a token that it did not
// make as
// if it were down, so ours has a check of what it belongs to.
func pageToken(query string, token []byte) string {
	if len(token) == 0 {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append(tokenCheck(query, token), token...))
}

// openPageToken undoes pageToken.
func openPageToken(query, sealed string) ([]byte, error) {
	if sealed == "" {
		return nil, nil
	}
	opened, err := base64.RawURLEncoding.DecodeString(sealed)
	if err == nil && len(opened) > tokenCheckSize {
		if check, token := opened[:tokenCheckSize], opened[tokenCheckSize:]; bytes.Equal(check, tokenCheck(query, token)) {
			return token, nil
		}
	}
	return nil, problem.Invalid(
		problem.Fault{Parameter: "page_token", Detail: "is not the next_page_token of a page of this list"},
	)
}

const tokenCheckSize = 8 // bytes

func tokenCheck(query string, token []byte) []byte {
	sum := sha256.Sum256(append([]byte(query+"\x00"), token...))
	return sum[:tokenCheckSize]
}

// visibilityQuery selects the workflows that are tasks, in the language of Temporal's visibility store.
func visibilityQuery(taskType, prefix string) string {
	types := workflows.Types()
	if taskType != "" {
		types = []string{taskType}
	}
	for i, name := range types {
		types[i] = visibilityString(name)
	}
	query := "WorkflowType IN (" + strings.Join(types, ", ") + ")"
	if prefix != "" {
		query += " AND WorkflowId STARTS_WITH " + visibilityString(prefix)
	}
	return query
}

// visibilityString quotes s, which has neither quotation marks nor backslashes: Temporal's parser loses those.
func visibilityString(s string) string { return "'" + strings.ReplaceAll(s, "'", `\'`) + "'" }
