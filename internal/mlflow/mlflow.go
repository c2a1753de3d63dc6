// Package mlflow is a small typed client of MLflow's REST API: experiments and runs, logged models, the model registry,
// and the artifacts that MLflow proxies. It knows MLflow 3 and nothing of Iris: the callers decide what a tag or a
// metric means.
//
// Callers may run again after a failure. A method that reads repeats its request twice, quickly, if MLflow does not
// answer, and so does a method that writes the same result each time. CreateRun, CreateLoggedModel and CreateVersion
// create something new each time, so they send their request once, and a caller looks for an earlier result first.
//
// errors.Is classifies errors with ErrNotExist, ErrExists and ErrUnavailable. errors.As finds the *Error of MLflow's
// answer. Times have a resolution of milliseconds, which is all that MLflow stores.
package mlflow
