package dev.braid.task;

import static org.assertj.core.api.Assertions.assertThat;

import dev.braid.model.FusionModel;
import dev.braid.model.FusionWorkspace;
import dev.braid.model.Readout;
import dev.braid.spark.GoldenTable;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class ExecutorModelTest {
    private static final GoldenTable GOLDEN = GoldenTable.read("tokens-only");

    private static final ExecutorModel.Size SIZE = new ExecutorModel.Size(8, EnumSet.of(Readout.TOKENS));

    private final AtomicInteger loads = new AtomicInteger();

    @Test
    void concurrentTasksLoadOneModelAndShareItWithAWorkspaceEach() throws Exception {
        UUID id = UUID.randomUUID();
        ExecutorService tasks = Executors.newFixedThreadPool(8);
        try {
            List<Future<ExecutorModel.Borrowed>> futures = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                futures.add(tasks.submit(() -> borrow(id)));
            }
            Set<FusionModel> models = new HashSet<>();
            Set<FusionWorkspace> workspaces = new HashSet<>();
            for (Future<ExecutorModel.Borrowed> future : futures) {
                models.add(future.get().model());
                workspaces.add(future.get().workspace());
            }
            assertThat(loads).hasValue(1);
            assertThat(models).hasSize(1);
            assertThat(workspaces).hasSize(8);
            for (Future<ExecutorModel.Borrowed> future : futures) {
                future.get().close();
            }
            try (ExecutorModel.Borrowed again = borrow(id)) {
                assertThat(workspaces).contains(again.workspace());
            }
            assertThat(loads).hasValue(1);
        } finally {
            tasks.shutdown();
        }
    }

    @Test
    void aModelIsReleasedWhenAnotherComesAndNobodyUsesIt() {
        UUID first = UUID.randomUUID();
        ExecutorModel.Borrowed used = borrow(first);
        borrow(UUID.randomUUID()).close();
        assertThat(ExecutorModel.held()).isEqualTo(2);
        assertThat(used.model().config().layers()).isEqualTo(1);
        used.close();
        borrow(UUID.randomUUID()).close();
        assertThat(ExecutorModel.held()).isEqualTo(1);
        borrow(first).close();
        assertThat(loads).hasValue(4);
    }

    @Test
    void aReleasedModelIsFreedWhenItsLastUserGivesItBack() {
        UUID id = UUID.randomUUID();
        ExecutorModel.Borrowed used = borrow(id);
        int before = ExecutorModel.held();
        ExecutorModel.release(id);
        assertThat(ExecutorModel.held()).isEqualTo(before - 1);
        assertThat(used.model().config().layers()).isEqualTo(1);
        used.close();
        borrow(id).close();
        assertThat(loads).hasValue(2);
    }

    @Test
    void anotherWorkspaceIsOfTheSameModelEvenIfThatIsReleased() {
        UUID id = UUID.randomUUID();
        ExecutorModel.Borrowed used = borrow(id);
        ExecutorModel.release(id);
        try (ExecutorModel.Borrowed another = used.another().get()) {
            assertThat(another.model()).isSameAs(used.model());
            assertThat(another.workspace()).isNotSameAs(used.workspace());
            used.close();
            assertThat(another.model().config().layers()).isEqualTo(1);
        }
        assertThat(loads).hasValue(1);
        assertThat(ExecutorModel.lent()).isZero();
    }

    @Test
    void aWorkspaceForOtherReadoutsTakesThePlaceOfIdleOnes() {
        UUID id = UUID.randomUUID();
        ExecutorModel.Borrowed first = borrow(id);
        ExecutorModel.Size other = new ExecutorModel.Size(8, EnumSet.noneOf(Readout.class));
        ExecutorModel.Borrowed second = ExecutorModel.borrow(id, this::load, other);
        assertThat(second.workspace()).isNotSameAs(first.workspace());
        first.close();
        second.close();
        try (ExecutorModel.Borrowed again = ExecutorModel.borrow(id, this::load, other)) {
            assertThat(again.workspace()).isSameAs(second.workspace());
        }
        assertThat(loads).hasValue(1);
    }

    private ExecutorModel.Borrowed borrow(UUID id) {
        return ExecutorModel.borrow(id, this::load, SIZE);
    }

    private FusionModel load() {
        loads.incrementAndGet();
        return FusionModel.load(GOLDEN.checkpoint());
    }
}
