using System.Globalization;
using Sgl.Bench;

// Ratios printed here must not depend on the machine's language.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["--pieces", .. var rest])
{
    BenchmarkDotNet.Running.BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(rest.Length == 0 ? ["--filter", "*"] : rest);
    return 0;
}

BenchOptions options;
try
{
    options = BenchOptions.Parse(args);
}
catch (UsageException e)
{
    Console.Error.WriteLine($"{e.Message}\n{BenchOptions.Usage}");
    return 1;
}

if (options.Compare is { } baseline)
{
    var lost = Figure.Compare(options.Out, baseline, Console.Out);
    Console.WriteLine(lost == 0 ? "no figure got worse" : $"{lost} figures got worse");
    return lost == 0 ? 0 : 1;
}

if (options.Summary is { } results)
{
    Summary.Write(results, options.Write, Console.Out);
    return 0;
}

if (options.Prepare)
{
    foreach (var target in options.Targets)
    {
        await using var subject = await Subject.LoadAsync(target, options);
        PeersBench.Prepare(subject, options);
        _ = subject.SmallServed;
    }

    AccuracyBench.Prepare(options);
    return 0;
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
            "reuse" => await ReuseBench.RunAsync(subject, options),
            "weights" => await WeightsBench.RunAsync(subject, options),
            "start" => await StartBench.RunAsync(subject, options),
            "eager" => await EagerBench.RunAsync(subject, options),
            "peers" => await PeersBench.RunAsync(subject, options),
            "tower" => await PeersBench.TowerAsync(subject, options),
            "accuracy" => target == "demo" ? await AccuracyBench.OverlapAsync(options) : await AccuracyBench.LogitsAsync(options),
            "stall" => await StallBench.RunAsync(subject, options),
            "beside" => await BesideBench.RunAsync(subject, options),
            "pruning" => await PruningBench.RunAsync(subject, options),
            _ => await BatchBench.RunAsync(subject, options),
        });
    }

    Console.WriteLine($"written: {report.Write(target)}");
}

return 0;
