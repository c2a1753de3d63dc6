package main

import "strings"

// environment is the environment of a process as data, so that a test can run iris with its own. It implements
// envconfig.EnvLookup.
type environment []string

// Environ returns the variables as os.Environ does.
func (e environment) Environ() []string { return e }

// LookupEnv returns a variable as os.LookupEnv does.
func (e environment) LookupEnv(name string) (string, bool) {
	for _, entry := range e {
		if key, value, ok := strings.Cut(entry, "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}
