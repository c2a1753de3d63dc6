package stack

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// credentialsFile, in the data folder, holds the S3 keys of this stack.
const credentialsFile = "s3-credentials.json"

// credentials are MinIO's root user and password. They are made up once for each data folder and never leave it but by
// Addresses and the environment of the parts.
type credentials struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// loadCredentials reads the keys in file, or makes new ones and writes them there, readable by the owner alone.
func loadCredentials(file string) (credentials, error) {
	var c credentials
	data, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c = credentials{AccessKey: "iris", SecretKey: rand.Text()}
		if data, err = json.Marshal(c); err != nil {
			return c, fmt.Errorf("write %s: %w", file, err)
		}
		return c, os.WriteFile(file, data, 0o600)
	case err != nil:
		return c, err
	}
	if err := json.Unmarshal(data, &c); err != nil || c.AccessKey == "" || c.SecretKey == "" {
		return c, fmt.Errorf(
			"read %s: not the S3 keys of a stack; MinIO keeps its data whatever its keys are, so delete the file to get new ones",
			file,
		)
	}
	return c, nil
}
