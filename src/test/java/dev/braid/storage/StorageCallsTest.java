package dev.braid.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.security.PrivilegedExceptionAction;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.hadoop.security.UserGroupInformation;
import org.junit.jupiter.api.Test;

class StorageCallsTest {

    @Test
    void everyCallRunsAsTheCallersUser() throws Exception {
        PrivilegedExceptionAction<List<String>> asBob = () -> StorageCalls.all(
                List.of(1, 2, 3), n -> n + UserGroupInformation.getCurrentUser().getUserName());
        assertThat(UserGroupInformation.createRemoteUser("bob").doAs(asBob)).containsExactly("1bob", "2bob", "3bob");
    }

    @Test
    void callsWaitTogetherWhateverTheNumberOfProcessors() throws IOException {
        CountDownLatch all = new CountDownLatch(20);
        List<Boolean> met = StorageCalls.all(IntStream.range(0, 20).boxed().toList(), n -> {
            all.countDown();
            try {
                return all.await(20, TimeUnit.SECONDS);
            } catch (InterruptedException interrupt) {
                throw new IOException(interrupt);
            }
        });
        assertThat(met).hasSize(20).containsOnly(true);
    }

    @Test
    void theFirstFailureIsThrownAsItIs() {
        assertThatThrownBy(() -> StorageCalls.all(List.of(1, 2), n -> {
                    throw new IOException("no " + n);
                }))
                .isInstanceOf(IOException.class)
                .hasMessage("no 1");
        assertThatThrownBy(() -> StorageCalls.all(List.of(1, 2), n -> {
                    throw new IllegalArgumentException("bad " + n);
                }))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("bad 1");
    }
}
