using System.Globalization;
using Sgl.GpuBench;

// Numbers printed here must not depend on the machine's language.
CultureInfo.DefaultThreadCurrentCulture = CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
GpuOptions options;
try
{
    options = GpuOptions.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine($"{e.Message}\n{GpuOptions.Usage}");
    return 2;
}

using var results = new Results(options);
try
{
    await (options.Step switch
    {
        "correctness" => CorrectnessStep.RunAsync(options, results),
        "verify" => VerifyStep.RunAsync(options, results),
        "attention" => AttentionStep.RunAsync(options, results),
        "2b" => ShapeStep.RunAsync(RandomFolder.TwoB, options, results),
        _ => ShapeStep.RunAsync(RandomFolder.EightLayersOf26B, options, results),
    });
    results.End(results.HasFailed ? "parts failed, see the results" : null);
    return results.HasFailed ? 1 : 0;
}
catch (Exception e)
{
    // What was found before stays in the file.
    results.End(e.ToString());
    Console.Error.WriteLine(e);
    return 1;
}
