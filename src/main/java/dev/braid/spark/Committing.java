package dev.braid.spark;

import java.io.IOException;
import org.apache.hadoop.fs.Path;

/** Writes the rows of a published table to another place too. Driver only. */
public interface Committing {
    /** Whether this driver still is the only one that writes an output. */
    @FunctionalInterface
    interface Owned {
        /**
         * Asks.
         *
         * @throws OutputExistsException if another run has taken the output over
         */
        void check() throws IOException;
    }

    /**
     * Writes the rows in one transaction, unless the place has them.
     *
     * @param directory the published table
     * @param owned to be asked right before the transaction
     * @return what the manifest is to say
     * @throws OutputExistsException if the rows were written and may be lost, or were written in another way
     * @throws TransientException if Spark or storage fail; nothing is written then, or all
     */
    Manifest.Committed commit(Manifest published, Path directory, Owned owned) throws IOException;
}
