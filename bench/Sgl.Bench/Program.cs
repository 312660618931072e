using System.Globalization;
using Sgl.Bench;

// Ratios printed here must not depend on the machine's language.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (FormatException e)
{
    Console.Error.WriteLine($"{e.Message}\n{BenchOptions.Usage}");
    return 1;
}

var report = new Report(options);
foreach (var target in options.Targets)
{
    await using var subject = await Subject.LoadAsync(target, options);
    report.Begin(subject);
    foreach (var bench in options.Benches)
    {
        report.Add(bench switch
        {
            "importance" => await ImportanceBench.RunAsync(subject, options),
            "consistency" => await ConsistencyBench.RunAsync(subject, options),
            "draft" => await DraftBench.RunAsync(subject, options),
            "pruning" => await PruningBench.RunAsync(subject, options),
            _ => await BatchBench.RunAsync(subject, options),
        });
    }

    Console.WriteLine($"written: {report.Write(target)}");
}

return 0;
