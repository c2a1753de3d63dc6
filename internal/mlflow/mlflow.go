// Package mlflow is a small typed client of MLflow's REST API: experiments and runs, logged models, the model registry,
// and the artifacts behind MLflow's proxy. It knows MLflow 3 and nothing of Iris: what a tag or a metric means is the
// business of its callers.
//
// It is made for callers that are run again after a failure. What reads is repeated twice, quickly, when MLflow does
// not answer, and so is what writes the same thing twice with the same result. What creates something anew each time it
// is called (CreateRun, CreateLoggedModel, CreateVersion) is sent once: its caller looks for the result first.
//
// Errors are classified by errors.Is with ErrNotExist, ErrExists and ErrUnavailable; errors.As finds the *Error with
// which MLflow answered. Times are passed on in milliseconds, which is all that MLflow keeps.
package mlflow
