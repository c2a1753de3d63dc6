package activities

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"iris/internal/catalogue"
	"iris/internal/child"
	"iris/internal/objstore"
)

// FitProcesses runs fits in child processes, each with a limit of memory. A child reads the dataset from the store
// itself. It gets the settings for that over a pipe, because other users of the machine may see arguments.
type FitProcesses struct {
	Command child.Command // that calls ServeFit
	S3      objstore.Options
	Bucket  string
}

// fitInput is what a child gets.
type fitInput struct {
	S3     objstore.Options `json:"s3"`
	Bucket string           `json:"bucket"`
	Job    fitJob           `json:"job"`
}

// run does a job in a child process that may use that many bytes.
func (p *FitProcesses) run(ctx context.Context, bytes int64, j fitJob, step func(fitStep)) (fitResult, error) {
	answer, err := p.Command.Run(ctx, bytes, fitInput{p.S3, p.Bucket, j}, func(raw json.RawMessage) error {
		var s fitStep
		if err := json.Unmarshal(raw, &s); err != nil {
			return err
		}
		step(s)
		return nil
	})
	if err != nil {
		return fitResult{}, err
	}
	result := fitResult{encoded: answer.Body}
	return result, json.Unmarshal(answer.Result, &result)
}

// ServeFit is the body of the command that FitProcesses starts.
func ServeFit(in io.Reader, out io.Writer) error {
	return child.Serve(in, out, func(input json.RawMessage, step func(any) error) (child.Answer, *child.Failure) {
		answer, err := fitOnce(input, step)
		if err != nil {
			return answer, &child.Failure{Type: typeOf(err), Message: err.Error()}
		}
		return answer, nil
	})
}

func fitOnce(input json.RawMessage, step func(any) error) (child.Answer, error) {
	var in fitInput
	if err := json.Unmarshal(input, &in); err != nil {
		return child.Answer{}, err
	}
	store, err := objstore.New(in.S3)
	if err != nil {
		return child.Answer{}, err
	}
	known, err := catalogue.New(catalogue.Options{Store: store, Bucket: in.Bucket})
	if err != nil {
		return child.Answer{}, err
	}
	var broken error // the parent does not read any more
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	result, err := in.Job.run(ctx, datasets{store: store, catalogue: known}, func(s fitStep) {
		if broken = errors.Join(broken, step(s)); broken != nil {
			cancel()
		}
	})
	if err = errors.Join(broken, err); err != nil {
		return child.Answer{}, err
	}
	encoded, err := json.Marshal(result)
	return child.Answer{Result: encoded, Body: result.encoded}, err
}
