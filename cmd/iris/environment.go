package main

import "strings"

// environment is what a process was started with, as data, so that a test starts iris with one of its own. It is an
// envconfig.EnvLookup too.
type environment []string

// Environ returns it as os.Environ does.
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
