package collectors.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TimingTest {
    private final Backoff backoff = new Backoff(Duration.ofMillis(500), Duration.ofSeconds(30), new Random(1));

    @Test
    void waitsDoubleUpToALimitAndAreBetweenHalfAndAllOfThat() {
        for (int attempts = 0; attempts < 100; attempts++) {
            long full = Math.min(30_000, attempts > 6 ? 30_000 : 500L << attempts);
            long wait = backoff.after(attempts, null).toMillis();
            assertTrue(wait >= full / 2 && wait <= full, attempts + " attempts: " + wait);
        }
    }

    @Test
    void whatTheDestinationAskedForIsKeptAndALittleSpread() {
        for (int i = 0; i < 100; i++) {
            long wait = backoff.after(0, Duration.ofSeconds(2)).toMillis();
            assertTrue(wait >= 2_000 && wait <= 2_050, Long.toString(wait));
        }
    }

    @Test
    void requestsAreSpacedEvenlyAndNotSavedUp() {
        Pace pace = new Pace(10, 0);
        assertEquals(0, pace.waitNanos(0));
        pace.sent(0);
        assertEquals(100_000_000, pace.waitNanos(0));
        pace.sent(5_000_000_000L);
        assertEquals(100_000_000, pace.waitNanos(5_000_000_000L));
    }

    @Test
    void withoutACapOnlyAHoldDelays() {
        Pace pace = new Pace(0, 0);
        pace.sent(0);
        assertEquals(0, pace.waitNanos(0));
        pace.hold(0, 700);
        assertEquals(600, pace.waitNanos(100));
        pace.hold(100, 50);
        assertEquals(600, pace.waitNanos(100));
    }
}
