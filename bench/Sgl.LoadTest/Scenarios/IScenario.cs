namespace Sgl.LoadTest;

/// <summary>One thing that is measured on running services. A new one is a file here and a line in <see cref="All"/>.</summary>
internal interface IScenario
{
    /// <summary>Every scenario, in the order in which <c>all</c> runs them.</summary>
    static IReadOnlyList<IScenario> All { get; } =
    [
        new ConcurrencyScenario(),
        new AddedScenario(),
        new DecodeScenario(),
        new AloneScenario(),
        new GuidedTilesScenario(),
        new OverloadScenario(),
        new UnreadScenario(),
        new StalledUploadScenario(),
        new BytesScenario(),
        new HeapScenario(),
        new UnguidedScenario(),
        new ReplicasScenario(),
        new ReuseScenario(),
        new ReuseMemoryScenario(),
    ];

    /// <summary>Those that hold the services against more than they can take: <c>load</c>.</summary>
    static IReadOnlyList<IScenario> Load { get; } = [.. All.Where(s => s is OverloadScenario or UnreadScenario or StalledUploadScenario or BytesScenario or HeapScenario or UnguidedScenario)];

    /// <summary>Its name on the command line.</summary>
    string Name { get; }

    /// <summary>What it does, in one line.</summary>
    string Summary { get; }

    /// <summary>Runs it and writes figures to <paramref name="section"/>.</summary>
    Task RunAsync(LoadOptions options, Section section, CancellationToken cancellationToken);
}
