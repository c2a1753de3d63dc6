package apiserver

import (
	"context"
	"fmt"
	"time"

	"iris/apiserver/httpio"
	"iris/internal/registry"
)

type historyInput struct {
	ModelPath
	PageQuery
}

// HistoryEntry is one change of champion.
type HistoryEntry struct {
	At     time.Time `json:"at" doc:"Time of the change."`
	From   string    `json:"from" doc:"Number of the champion before; empty for the first champion." example:"2"`
	To     string    `json:"to" doc:"Number of the champion after; empty if the champion was removed or deleted in MLflow." example:"3"`
	Actor  string    `json:"actor" doc:"Who asked: a name, the id of the training whose gate promoted it, or mlflow if it was changed there."`
	Reason string    `json:"reason" doc:"Reason of the change."`
}

type historyOutput struct {
	Body struct {
		Model         string         `json:"model"`
		Entries       []HistoryEntry `json:"entries" nullable:"false" doc:"Newest first."`
		NextPageToken string         `json:"next_page_token" doc:"Empty on the last page."`
	}
}

// history lists the changes of the champion of a model.
func (m *models) history(ctx context.Context, in *historyInput) (*historyOutput, error) {
	if err := m.serving.MustExist(ctx, in.Model); err != nil {
		return nil, err
	}
	list := "history of " + in.Model
	after, err := openPageToken(list, in.PageToken)
	if err != nil {
		return nil, err
	}
	ctx, cancel := httpio.WithDeadline(ctx)
	defer cancel()
	entries, next, err := m.registry.History(ctx, in.Model, registry.Page{Limit: in.size(), After: string(after)})
	if err != nil {
		return nil, fmt.Errorf("read the history of %s: %w", in.Model, err)
	}
	out := new(historyOutput)
	out.Body.Model, out.Body.NextPageToken = in.Model, pageToken(list, []byte(next))
	out.Body.Entries = make([]HistoryEntry, len(entries))
	for i, e := range entries {
		out.Body.Entries[i] = HistoryEntry{At: e.At, From: e.From, To: e.To, Actor: e.Actor, Reason: e.Reason}
	}
	return out, nil
}
