// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"strings"

	cmtjson "github.com/cometbft/cometbft/libs/json"
	"github.com/cometbft/cometbft/types"
)

// genesis: "genesis IN OUT", a genesis.json and what a node keeps of it.
func (w writer) genesis() {
	key := `{"type":"tendermint/PubKeyEd25519","value":"iER82Emz1UAIIQXXpG26r3KuyUjDMpCf2RGyFSkp+Jo="}`
	validator := `{"pub_key":` + key + `,"power":"10","name":%s}`
	one := func(name string) string { return `"validators":[` + fmt.Sprintf(validator, name) + `]` }
	head := `"genesis_time":"2024-01-02T03:04:05.678901234Z","chain_id":"chain-1"`
	params, err := cmtjson.Marshal(types.DefaultConsensusParams())
	must(err)
	for _, doc := range []string{
		`{` + head + `}`,
		`{` + head + `,"app_state":{},"app_hash":"00ffAA"}`,
		`{` + head + `,"app_state":null,"validators":[]}`,
		`{"app_state":"text","genesis_time":"1969-02-28T23:59:59.5Z","chain_id":"a<b>&c","initial_height":"77"}`,
		`{"genesis_time":"2000-02-29T00:00:00Z","chain_id":"é€\u2028\"\\\/",` + one(`"<\u0001\n\r\t\b\f\u007f\u2029>\u00e9"`) + `}`,
		`{"genesis_time":"2023-12-31T23:00:00.000000100Z","chain_id":"x",` + one(`""`) + `,"consensus_params":` + string(params) + `}`,
		"{ \"genesis_time\" :\t\"0001-03-01T00:00:00Z\",\r\n\"chain_id\": \"x\" , \"app_state\" : { \"a\\\"}\" : [ 1 , 2.50e+10, { } , \"<&>\xe2\x80\xa8\", true ] , \"b\":\"\\u003c \\\\\" }\n}",
		`{` + head + `,"app_state":[12345678901234567890123,[],[[]],""],` + one(`"first"`) + `}`,
		`{` + head + `,"other":{"app_state":1,"validators":{}},"app_state":  17 }`,
		`{` + head + `,"validators":[{"pub_key":{"type":"tendermint/PubKeySecp256k1","value":"A6ewbvJ0yTXZnLAnBcwKTpJ2rJZ2kBC4kJLAnmvC4WQt"},"power":"5"}]}`,
		`{` + head + `,"consensus_params":` + strings.Replace(string(params), `"app":"0"`, `"app":"9007199254740993"`, 1) + `}`,
		`{"genesis_time":"9999-12-31T23:59:59.999999999Z","chain_id":"x","app_state":1,"app_state":{"last":true}}`,
	} {
		parsed, err := types.GenesisDocFromJSON([]byte(doc))
		must(err)
		if !json.Valid([]byte(doc)) {
			panic(doc)
		}
		bytes, err := cmtjson.Marshal(parsed)
		must(err)
		fmt.Fprintf(w, "genesis %x %x\n", doc, bytes)
	}
}
