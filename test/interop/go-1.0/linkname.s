// SPDX-License-Identifier: Apache-2.0

// A file like this one lets record_line.go declare a function without a body.
