// SPDX-License-Identifier: Apache-2.0

// A file like this one lets record_line.go and prune_service.go declare a function without a body.
