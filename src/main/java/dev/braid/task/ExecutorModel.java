package dev.braid.task;

import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.model.Readout;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.function.Supplier;

/**
 * A model that an executor JVM loads once and all its task threads share, with the workspaces that no task is using. It stays
 * loaded between tasks, until {@link #release} is called or a task asks for another model while nobody uses this one.
 */
public final class ExecutorModel {
    private static final Map<UUID, ExecutorModel> MODELS = new HashMap<>();

    /** Workspaces that no task is using, all of one {@link Size}. */
    private final Deque<FusionWorkspace> idle = new ArrayDeque<>();

    private Size idleSize;
    /** Null until the first task loads it. */
    private FusionModel model;
    /** Workspaces that are borrowed and not yet given back. Guarded by {@link #MODELS}. */
    private int users;
    /** Whether to close the model as soon as nobody uses it. Guarded by {@link #MODELS}. */
    private boolean released;

    private ExecutorModel() {}

    /** The properties that a workspace is made with. */
    record Size(int maxTokens, Set<Readout> readouts) {}

    /**
     * Borrows a workspace of the model. Blocks while another task loads the model.
     *
     * @param id the engine's; all borrowers with the same id bring the same checkpoint
     * @param load called in the first borrower's thread only
     */
    static Borrowed borrow(UUID id, Supplier<FusionModel> load, Size size) {
        ExecutorModel executorModel;
        synchronized (MODELS) {
            MODELS.entrySet()
                    .removeIf(entry ->
                            !entry.getKey().equals(id) && entry.getValue().closeUnlessUsed());
            executorModel = MODELS.computeIfAbsent(id, unknown -> new ExecutorModel());
            executorModel.users++;
        }
        return executorModel.lend(load, size);
    }

    /** Lends a workspace to a user who is already counted. */
    private Borrowed lend(Supplier<FusionModel> load, Size size) {
        try {
            return open(load, size);
        } catch (RuntimeException | Error failure) {
            leave();
            throw failure;
        }
    }

    /** Lends one more workspace of this model to a user who has one, even if the model was released meanwhile. */
    private Borrowed lendAnother(Supplier<FusionModel> load, Size size) {
        synchronized (MODELS) {
            users++;
        }
        return lend(load, size);
    }

    /** Frees the model's memory in this JVM: now, or when the last task that uses it ends. */
    public static void release(UUID id) {
        synchronized (MODELS) {
            ExecutorModel found = MODELS.remove(id);
            if (found != null && !found.closeUnlessUsed()) {
                found.released = true;
            }
        }
    }

    /** How many models this JVM holds. */
    static int held() {
        synchronized (MODELS) {
            return MODELS.size();
        }
    }

    /** How many workspaces tasks of this JVM have borrowed. */
    static int lent() {
        synchronized (MODELS) {
            return MODELS.values().stream().mapToInt(model -> model.users).sum();
        }
    }

    /** The off-heap bytes that the models and workspaces of this JVM take. */
    public static long nativeBytes() {
        return held() == 0 ? 0 : FusionModel.nativeBytes();
    }

    private synchronized Borrowed open(Supplier<FusionModel> load, Size size) {
        if (model == null) {
            model = load.get();
        }
        if (!size.equals(idleSize)) {
            closeIdle();
            idleSize = size;
        }
        FusionWorkspace found = idle.poll();
        FusionWorkspace workspace = found == null ? model.workspace(size.maxTokens(), size.readouts()) : found;
        return new Borrowed(model, workspace, () -> lendAnother(load, size), () -> giveBack(workspace, size));
    }

    private void giveBack(FusionWorkspace workspace, Size size) {
        try {
            keep(workspace, size);
        } finally {
            leave();
        }
    }

    private synchronized void keep(FusionWorkspace workspace, Size size) {
        if (size.equals(idleSize)) {
            idle.push(workspace);
        } else {
            workspace.close();
        }
    }

    private void leave() {
        synchronized (MODELS) {
            users--;
            if (released) {
                closeUnlessUsed();
            }
        }
    }

    /**
     * Closes the model unless somebody uses it; returns whether it was closed. Callers hold the lock that borrowing needs. A
     * user gives its workspace back before it leaves, so no workspace is in use then.
     */
    private boolean closeUnlessUsed() {
        if (users > 0) {
            return false;
        }
        close();
        return true;
    }

    private synchronized void close() {
        closeIdle();
        if (model != null) {
            model.close();
            model = null;
        }
    }

    private void closeIdle() {
        idle.forEach(FusionWorkspace::close);
        idle.clear();
    }

    /**
     * A model and a workspace for one thread at a time. Close it exactly once.
     *
     * @param another lends a further workspace of the same model
     * @param giveBack takes the workspace back
     */
    record Borrowed(FusionModel model, FusionWorkspace workspace, Supplier<Borrowed> another, Runnable giveBack)
            implements AutoCloseable {
        @Override
        public void close() {
            giveBack.run();
        }
    }
}
