package dev.braid.spark;

import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * One model of one executor JVM, loaded once and shared by all its task threads, with the workspaces that no task is
 * using. It stays between tasks; it is released when a task asks for another model and nobody uses this one.
 */
final class ExecutorModel {
    private static final Map<UUID, ExecutorModel> MODELS = new HashMap<>();

    private final Deque<FusionWorkspace> idle = new ArrayDeque<>();
    /** Set once, by the first task; null until then. */
    private FusionModel model;
    /** Tasks that have borrowed and not given back. Guarded by {@link #MODELS}. */
    private int users;

    private ExecutorModel() {}

    /**
     * Borrows a workspace of the model. Blocks while another task loads it.
     *
     * @param id of one fusion: every borrower of an id brings the same checkpoint, budget, readouts and number of
     *     threads
     * @param load called in the first borrower's thread only
     * @param open called where no workspace is idle
     */
    static Borrowed borrow(UUID id, Supplier<FusionModel> load, Function<FusionModel, FusionWorkspace> open) {
        ExecutorModel executorModel;
        synchronized (MODELS) {
            MODELS.entrySet()
                    .removeIf(entry ->
                            !entry.getKey().equals(id) && entry.getValue().closeUnlessUsed());
            executorModel = MODELS.computeIfAbsent(id, unknown -> new ExecutorModel());
            executorModel.users++;
        }
        try {
            return executorModel.open(load, open);
        } catch (RuntimeException | Error failure) {
            executorModel.release();
            throw failure;
        }
    }

    /** How many models this JVM holds. */
    static int held() {
        synchronized (MODELS) {
            return MODELS.size();
        }
    }

    private synchronized Borrowed open(Supplier<FusionModel> load, Function<FusionModel, FusionWorkspace> open) {
        if (model == null) {
            model = load.get();
        }
        FusionWorkspace workspace = idle.poll();
        return new Borrowed(this, model, workspace == null ? open.apply(model) : workspace);
    }

    private synchronized void giveBack(FusionWorkspace workspace) {
        idle.push(workspace);
    }

    private void release() {
        synchronized (MODELS) {
            users--;
        }
    }

    /** Whether it was closed. Borrowing needs the lock that the caller holds, and giving back comes before leaving. */
    private boolean closeUnlessUsed() {
        if (users > 0) {
            return false;
        }
        close();
        return true;
    }

    private synchronized void close() {
        idle.forEach(FusionWorkspace::close);
        if (model != null) {
            model.close();
        }
    }

    /** A model and a workspace for one task, to be given back once. */
    static final class Borrowed implements AutoCloseable {
        private final ExecutorModel owner;
        private final FusionModel model;
        private final FusionWorkspace workspace;

        private Borrowed(ExecutorModel owner, FusionModel model, FusionWorkspace workspace) {
            this.owner = owner;
            this.model = model;
            this.workspace = workspace;
        }

        FusionModel model() {
            return model;
        }

        FusionWorkspace workspace() {
            return workspace;
        }

        @Override
        public void close() {
            owner.giveBack(workspace);
            owner.release();
        }
    }
}
