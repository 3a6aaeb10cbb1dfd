package dev.braid.job;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FsShell;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.MiniDFSCluster;

/**
 * An HDFS on this machine, for .ci/faults: prints its address, then reads the arguments of Hadoop's 'fs' command from
 * standard input, a line each with tabs between them, and prints each exit code. The end of the input ends it.
 */
public final class Hdfs {
    private Hdfs() {}

    public static void main(String[] arguments) throws Exception {
        PrintStream answers = System.out;
        System.setOut(System.err); // where the command may print
        Configuration settings = new HdfsConfiguration();
        settings.set(MiniDFSCluster.HDFS_MINIDFS_BASEDIR, Path.of(arguments[0]).toString());
        settings.set("dfs.namenode.http-address", "127.0.0.1:0");
        try (MiniDFSCluster cluster = new MiniDFSCluster.Builder(settings).numDataNodes(1).build()) {
            cluster.waitActive();
            FsShell shell = new FsShell(cluster.getConfiguration(0));
            answers.println(cluster.getURI());
            BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                answers.println(shell.run(line.split("\t")));
            }
        }
        System.exit(0); // Hadoop's threads would go on.
    }
}
