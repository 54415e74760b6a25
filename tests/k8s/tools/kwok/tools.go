// Package kwok is apart from the other tools: it needs the libraries of another minor version.
//go:build tools

package kwok

import _ "sigs.k8s.io/kwok/cmd/kwok"
