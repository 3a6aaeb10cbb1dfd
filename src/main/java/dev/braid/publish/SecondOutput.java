package dev.braid.publish;

import dev.braid.failure.TransientException;
import java.io.IOException;
import org.apache.hadoop.fs.Path;

/** Also writes the rows of a published table to another place, such as a table of Spark's catalog. Driver only. */
public interface SecondOutput {
    /** Checks whether this driver is still the only one that writes an output. */
    @FunctionalInterface
    interface Owned {
        /**
         * Returns if this driver still owns the output.
         *
         * @throws OutputExistsException if another run has taken it over
         */
        void check() throws IOException;
    }

    /**
     * Writes the rows in one transaction, unless the other place already has them.
     *
     * @param directory the published table
     * @param owned is checked right before the transaction
     * @return what to record in the manifest
     * @throws OutputExistsException if the place's history has these rows, but a later change may have removed them, or they
     *     were written in another mode
     * @throws TransientException if Spark or the storage fails; then either no row is written or all are
     */
    Manifest.Committed commit(Manifest published, Path directory, Owned owned) throws IOException;
}
