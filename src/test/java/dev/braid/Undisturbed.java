package dev.braid;

import org.assertj.core.api.ThrowableAssert.ThrowingCallable;

/** For checks of durations: whatever else the machine does in between makes one attempt fail, but not all of them. */
public final class Undisturbed {
    private static final int ATTEMPTS = 20;

    private Undisturbed() {}

    /** Runs a check until it passes; fails as the last attempt does. */
    public static void run(ThrowingCallable check) {
        for (int attempt = 1; ; attempt++) {
            try {
                check.call();
                return;
            } catch (AssertionError failure) {
                if (attempt == ATTEMPTS) {
                    throw failure;
                }
            } catch (Throwable failure) {
                throw new AssertionError(failure);
            }
        }
    }
}
