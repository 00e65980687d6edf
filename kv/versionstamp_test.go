package kv

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

func TestAVersionstampIsTwentyHexDigits(t *testing.T) {
	v := NewVersionstamp(0x0102, 0x030405060708, 0x090a)
	if want := Versionstamp("0102030405060708090a"); v != want {
		t.Fatalf("NewVersionstamp = %s, want %s", v, want)
	}
	if got := v.Incarnation(); got != 0x0102 {
		t.Errorf("Incarnation = %x", got)
	}
	if got := v.Transaction(); got != 0x030405060708 {
		t.Errorf("Transaction = %x", got)
	}
	if got := v.Operation(); got != 0x090a {
		t.Errorf("Operation = %x", got)
	}
	if got, err := ParseVersionstamp(string(v)); err != nil || got != v {
		t.Errorf("ParseVersionstamp(%s) = %s, %v", v, got, err)
	}
}

func TestStringOrderOfVersionstampsIsCommitOrder(t *testing.T) {
	type place struct {
		incarnation uint16
		transaction uint64
		operation   uint16
	}
	draw := rapid.Custom(func(t *rapid.T) place {
		return place{rapid.Uint16().Draw(t, "i"), rapid.Uint64Max(1<<48-1).Draw(t, "t"), rapid.Uint16().Draw(t, "o")}
	})
	before := func(a, b place) bool {
		if a.incarnation != b.incarnation {
			return a.incarnation < b.incarnation
		}
		if a.transaction != b.transaction {
			return a.transaction < b.transaction
		}
		return a.operation < b.operation
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := draw.Draw(t, "a"), draw.Draw(t, "b")
		va := NewVersionstamp(a.incarnation, a.transaction, a.operation)
		vb := NewVersionstamp(b.incarnation, b.transaction, b.operation)
		if got, want := va < vb, before(a, b); got != want {
			t.Fatalf("%s < %s: %v, want %v", va, vb, got, want)
		}
	})
}

func TestWhatIsNoVersionstamp(t *testing.T) {
	for _, s := range []string{"", "0", "0102030405060708090", "0102030405060708090a0", "0102030405060708090A", "0102030405060708090g"} {
		if v, err := ParseVersionstamp(s); !errors.Is(err, ErrInvalidArgument) {
			t.Errorf("ParseVersionstamp(%q) = %s, %v, want ErrInvalidArgument", s, v, err)
		}
	}
}

func FuzzParseVersionstamp(f *testing.F) {
	f.Add("0001000000000000000a")
	f.Add("0001000000000000000A")
	f.Fuzz(func(t *testing.T, s string) {
		v, err := ParseVersionstamp(s)
		if err != nil {
			return
		}
		if again := NewVersionstamp(v.Incarnation(), v.Transaction(), v.Operation()); again != v {
			t.Errorf("%q was accepted and is %q", s, again)
		}
	})
}
