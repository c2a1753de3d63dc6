package stack

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// credentialsFile is the file in the data folder with the S3 keys of the stack.
const credentialsFile = "s3-credentials.json"

// credentials holds MinIO's root user and password. Each data folder has its own. They leave it only in Addresses and
// in the environment of the parts.
type credentials struct {
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// loadCredentials reads the keys in file. If the file does not exist, it generates keys and writes them, readable by
// the owner alone.
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
		return c, fmt.Errorf("read %s: not the S3 keys of a stack; delete the file to get new keys: "+
			"MinIO keeps its data with any keys", file)
	}
	return c, nil
}
