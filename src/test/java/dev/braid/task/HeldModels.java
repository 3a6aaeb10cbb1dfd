package dev.braid.task;

/** What tasks of this JVM hold, for tests of other rooms. */
public final class HeldModels {
    private HeldModels() {}

    public static int models() {
        return ExecutorModel.held();
    }

    /** How many workspaces are borrowed. */
    public static int workspaces() {
        return ExecutorModel.lent();
    }
}
