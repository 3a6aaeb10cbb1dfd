package dev.braid.spark;

import java.util.BitSet;
import org.apache.spark.util.AccumulatorV2;

/**
 * What the finished tasks of a run did, and of which partitions they were. Its size on the driver and in a task's result does
 * not depend on how many tasks there are.
 */
final class FinishedTasks extends AccumulatorV2<TaskWork, Work> {
    private static final long serialVersionUID = 1L;

    private Work work = Work.NONE;
    /** In a task: its own partition; -1 before it ends. */
    private int own = -1;
    /** On the driver: the partitions of the tasks that were merged; null before the first one. */
    private transient BitSet merged;

    @Override
    public synchronized boolean isZero() {
        return own < 0 && merged == null;
    }

    @Override
    public synchronized FinishedTasks copy() {
        FinishedTasks copy = new FinishedTasks();
        copy.work = work;
        copy.own = own;
        copy.merged = merged == null ? null : (BitSet) merged.clone();
        return copy;
    }

    @Override
    public synchronized void reset() {
        work = Work.NONE;
        own = -1;
        merged = null;
    }

    @Override
    public synchronized void add(TaskWork task) {
        work = work.plus(task.work());
        own = task.partition();
    }

    @Override
    public void merge(AccumulatorV2<TaskWork, Work> other) {
        FinishedTasks task = (FinishedTasks) other;
        if (task.own < 0) {
            return;
        }
        synchronized (this) {
            work = work.plus(task.work);
            merged = merged == null ? new BitSet() : merged;
            merged.set(task.own);
        }
    }

    @Override
    public synchronized Work value() {
        return work;
    }

    /** On the driver: whether the task of a partition has been merged. */
    synchronized boolean has(int partition) {
        return merged != null && merged.get(partition);
    }
}
