// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	_ "unsafe" // go:linkname

	"github.com/cometbft/cometbft/libs/log"
	sm "github.com/cometbft/cometbft/state"

	"cmtoracle/shared"
)

// pruneService runs CometBFT's pruner by hand through a script, one word for each step:
//
//	app:H companion:H results:H  a retain height is asked for
//	round                        each loop goes round once
//	restart                      a new pruner, as behind a restart of the node
//
// What comes of each is one line, in the words of prune_service.c.
func pruneService(r *shared.Request, s *stores) (shared.Reply, error) {
	run := &servicing{stores: s, companion: r.Companion}
	if err := run.restart(); err != nil {
		return nil, err
	}
	for _, step := range r.Script {
		if err := run.step(step); err != nil {
			return nil, fmt.Errorf("%s: %w", step, err)
		}
	}
	return shared.Reply{"lines": run.lines}, nil
}

type servicing struct {
	*stores
	companion       bool
	pruner          *sm.Pruner
	blocks, results int64 // the last retain heights, of the loops
	lines           []string
}

func (s *servicing) say(format string, args ...any) {
	s.lines = append(s.lines, fmt.Sprintf(format, args...))
}

// restart does what node/node.go does with retain heights, and NewPruner.
func (s *servicing) restart() error {
	_, err := s.states.GetApplicationRetainHeight()
	if errors.Is(err, sm.ErrKeyNotFound) {
		err = s.states.SaveApplicationRetainHeight(0)
	}
	if err != nil {
		return err
	}
	var options []sm.PrunerOption
	if s.companion {
		options = append(options, sm.WithPrunerCompanionEnabled())
		if err := initHeight(s.states.GetCompanionBlockRetainHeight, s.states.SaveCompanionBlockRetainHeight); err != nil {
			return err
		}
		if err := initHeight(s.states.GetABCIResRetainHeight, s.states.SaveABCIResRetainHeight); err != nil {
			return err
		}
	}
	s.pruner = sm.NewPruner(s.states, s.stores.blocks, nil, nil, log.NewNopLogger(), options...)
	s.blocks, s.results = 0, 0
	return nil
}

func initHeight(get func() (int64, error), save func(int64) error) error {
	height, err := get()
	if errors.Is(err, sm.ErrKeyNotFound) || (err == nil && height == 0) {
		return save(0)
	}
	return err
}

func (s *servicing) step(step string) error {
	switch step {
	case "restart":
		return s.restart()
	case "round":
		s.round()
		return nil
	}
	owner, number, _ := strings.Cut(step, ":")
	height, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return err
	}
	set := map[string]func(int64) error{
		"app": s.pruner.SetApplicationBlockRetainHeight, "companion": s.pruner.SetCompanionBlockRetainHeight,
		"results": s.pruner.SetABCIResRetainHeight,
	}[owner]
	if set == nil {
		return errors.New("no such owner")
	}
	if err := set(height); err != nil {
		s.say("refused: %s", err)
	} else {
		s.say("accepted")
	}
	return nil
}

// round is the body of Pruner.pruneBlocks and pruneABCIResponses; the observer is told of what changed.
func (s *servicing) round() {
	blocks := pruneBlocksToRetainHeight(s.pruner, s.blocks)
	if blocks != s.blocks {
		s.say("blocks %d-%d", s.blocks, blocks-1)
	}
	s.blocks = blocks
	if s.companion {
		results := pruneABCIResToRetainHeight(s.pruner, s.results)
		if results != s.results {
			s.say("results %d-%d", s.results, results-1)
		}
		s.results = results
	}
	s.say("base %d", s.stores.blocks.Base())
}

//go:linkname pruneABCIResToRetainHeight github.com/cometbft/cometbft/state.(*Pruner).pruneABCIResToRetainHeight
func pruneABCIResToRetainHeight(p *sm.Pruner, last int64) int64
