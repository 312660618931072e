using System.Globalization;
using LLama.Native;
using Sgl.Peers;

// A peer that bench/Sgl.Bench starts and asks in turns with its own engine: one line in, one number out.
//   prefill ROWS                     seconds
//   decode ROWS SEQUENCES STEPS      seconds per step
//   tile                             seconds of one tile through the vision tower
//   memory                           resident bytes
//   process                          its id
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is not [var target, var precision, var cache, var threadText])
{
    Console.Error.WriteLine("usage: dotnet run -c Release --project bench/Sgl.Peers -- 1b|2b F16|Q8_0|Q4_0|genai|tower|prepare CACHE THREADS, then lines: prefill ROWS | decode ROWS SEQUENCES STEPS | tile | memory | process");
    return 1;
}

NativeLibraryConfig.All.WithLogCallback((level, message) =>
{
    if (level >= LLamaLogLevel.Error)
    {
        Console.Error.Write(message);
    }
});
var threads = int.Parse(threadText, CultureInfo.InvariantCulture);
if (precision == "prepare")
{
    foreach (var kind in new[] { "F16", "Q8_0", "Q4_0" })
    {
        Console.WriteLine(LlamaPeer.Prepare(target, kind, cache));
    }

    Console.WriteLine(TowerPeer.Prepare(target, cache));
    return 0;
}

var vocabulary = LlamaShape.Of(target).Vocabulary;
using var tower = precision == "tower" ? new TowerPeer(LlamaPeer.Prepare(target, "Q4_0", cache), TowerPeer.Prepare(target, cache), threads) : null;
using IDecoderPeer? peer = precision switch
{
    "tower" => null,
    "genai" => new GenAiPeer(Path.Combine(cache, $"{target}-genai-int4"), vocabulary),
    _ => new LlamaPeer(LlamaPeer.Prepare(target, precision, cache), vocabulary, threads, sequences: 8),
};
Console.WriteLine("ready " + (precision == "genai" ? "" : System.Runtime.InteropServices.Marshal.PtrToStringAnsi(NativeApi.llama_print_system_info())));
while (Console.ReadLine() is { } line)
{
    var words = line.Split(' ');
    int Number(int i) => int.Parse(words[i], CultureInfo.InvariantCulture);
    Console.WriteLine(words[0] switch
    {
        "prefill" when peer is not null => peer.Prefill(Number(1)),
        "decode" when peer is not null => peer.Decode(Number(1), Number(2), Number(3)),
        "tile" when tower is not null => tower.Tile(),
        "memory" => Environment.WorkingSet,
        "process" => Environment.ProcessId,
        _ => double.NaN,
    });
}

return 0;
