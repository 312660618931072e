using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Sgl.GpuBench;

/// <summary>What a step has found: a JSON file that is written anew with every result, so that whatever ends the step leaves what was found before.</summary>
internal sealed class Results : IDisposable
{
    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    private readonly string _path;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly JsonArray _rows = [];
    private readonly JsonObject _file;

    public Results(GpuOptions options)
    {
        _path = Path.GetFullPath(options.Out);
        Directory.CreateDirectory(Path.GetDirectoryName(_path)!);
        _file = new JsonObject
        {
            ["step"] = options.Step,
            ["device"] = options.Device,
            ["over_the_standin"] = options.Sparse,
            ["started"] = DateTime.UtcNow.ToString("u", CultureInfo.InvariantCulture),
            ["complete"] = false,
            ["results"] = _rows,
        };
        Write();
    }

    /// <summary>Adds a result.</summary>
    public void Add(object row)
    {
        var node = JsonSerializer.SerializeToNode(row, Json)!;
        Console.WriteLine($"{Seconds:0.0} s  {node.ToJsonString()}");
        _rows.Add(node);
        Write();
    }

    /// <summary>Whether a part of the step failed.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Runs a part of the step. What ends it is a result too, and the parts behind it run all the same.</summary>
    /// <param name="part">What it is.</param>
    /// <param name="run">Runs it.</param>
    /// <param name="mayFail">Whether it may fail without the step's failing: what is only compared with.</param>
    public async Task TryAsync(string part, Func<Task> run, bool mayFail = false)
    {
        try
        {
            await run();
        }
        catch (Exception e)
        {
            HasFailed |= !mayFail;
            Add(new { Part = part, Error = e.Message });
            Console.Error.WriteLine(e);
        }
    }

    /// <summary>Ends the step.</summary>
    /// <param name="error">What ended it; null: it is complete.</param>
    public void End(string? error)
    {
        _file["complete"] = error is null;
        if (error is not null)
        {
            _file["error"] = error;
        }

        Write();
    }

    public void Dispose() => Write();

    private double Seconds => Stopwatch.GetElapsedTime(_started).TotalSeconds;

    private void Write()
    {
        _file["seconds"] = Math.Round(Seconds, 2);
        var partial = _path + ".partial";
        File.WriteAllText(partial, _file.ToJsonString(Json));
        File.Move(partial, _path, overwrite: true);
    }
}
