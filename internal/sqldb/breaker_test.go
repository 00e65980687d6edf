package sqldb

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/buntime/keyval/internal/await"
)

func TestReadsThatFailTogetherOpenTheBreakerOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		for _, want := range []time.Duration{breakerFirst, 2 * breakerFirst, 4 * breakerFirst} {
			for range 64 {
				b.fail()
			}
			await.Pass(want - 1)
			if !b.open(true) || !b.open(false) {
				t.Errorf("it is closed before %v", want)
			}
			await.Pass(1 * time.Nanosecond)
			if b.open(false) {
				t.Errorf("it is open after %v", want)
			}
		}
		b.succeed()
		b.fail()
		await.Pass(breakerFirst)
		if b.open(false) {
			t.Error("after a success it does not begin anew")
		}
	})
}

func TestADatabaseThatIsBehindStillServesThoseWhoTakeItAsItIs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b breaker
		b.fellBehind(behindTime)
		if !b.open(false) || b.open(true) {
			t.Errorf("open for fresh reads: %v, for others: %v; want only for fresh ones", b.open(false), b.open(true))
		}
		await.Pass(behindTime)
		if b.open(false) {
			t.Error("it is still left alone")
		}
	})
}

func TestDamageIsKnownForAWhileAfterItWasMetLastAndForGoodWhereNobodyCanMendIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		server, file := damage{}, damage{lasting: true}
		if server.known() || file.known() {
			t.Error("there is damage before it was found")
		}
		for _, d := range []*damage{&server, &file} {
			if !d.found() || d.found() {
				t.Error("it is not news once")
			}
		}
		await.Pass(damageTime - 1)
		if !server.known() || !file.known() {
			t.Errorf("it is forgotten before %v", damageTime)
		}
		await.Pass(1 * time.Nanosecond)
		if server.known() || !file.known() {
			t.Errorf("after %v it is known of a server: %v, of a file: %v; want only of the file", damageTime, server.known(), file.known())
		}
		if !server.found() {
			t.Error("what is found again is not news")
		}
	})
}
