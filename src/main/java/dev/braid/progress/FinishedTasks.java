package dev.braid.progress;

import java.util.BitSet;
import org.apache.spark.util.AccumulatorV2;

/**
 * Adds up the work of a run's finished tasks, and knows which partitions they covered: an accumulator whose copy in a task
 * holds one partition number, and whose copy on the driver holds one bit per partition.
 */
final class FinishedTasks extends AccumulatorV2<TaskWork, Work> {
    private static final long serialVersionUID = 1L;

    private Work work = Work.NONE;
    /** In a task: the number of its partition; -1 before the task ends. */
    private int own = -1;
    /** On the driver: the partitions of the merged tasks; null before the first one. */
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

    /** On the driver: whether the task of this partition has been merged. */
    synchronized boolean has(int partition) {
        return merged != null && merged.get(partition);
    }
}
