package dev.braid;

/** How much of a slow test runs: all of it, or the share, 0 to 1, that the property {@code braid.share} names. */
public final class SlowShare {
    private SlowShare() {}

    public static int of(int count) {
        return (int) Math.round(count * Double.parseDouble(System.getProperty("braid.share", "1")));
    }
}
