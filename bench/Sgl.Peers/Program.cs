using System.Globalization;
using LLama.Native;
using Sgl.Peers;

// A peer that bench/Sgl.Bench starts and asks in turns with its own engine: one line in, one number out.
//   prefill ROWS                     seconds
//   decode ROWS SEQUENCES STEPS      seconds per step
//   memory                           resident bytes
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is not [var target, var precision, var cache, var threadText])
{
    Console.Error.WriteLine("usage: dotnet run -c Release --project bench/Sgl.Peers -- 1b|2b F16|Q8_0|Q4_0 CACHE THREADS, then lines: prefill ROWS | decode ROWS SEQUENCES STEPS | memory");
    return 1;
}

NativeLibraryConfig.All.WithLogCallback((level, message) =>
{
    if (level >= LLamaLogLevel.Error)
    {
        Console.Error.Write(message);
    }
});
var file = LlamaPeer.Prepare(target, precision, cache);
using var peer = new LlamaPeer(file, LlamaShape.Of(target).Vocabulary, int.Parse(threadText, CultureInfo.InvariantCulture), sequences: 8);
Console.WriteLine("ready " + System.Runtime.InteropServices.Marshal.PtrToStringAnsi(NativeApi.llama_print_system_info()));
while (Console.ReadLine() is { } line)
{
    var words = line.Split(' ');
    int Number(int i) => int.Parse(words[i], CultureInfo.InvariantCulture);
    Console.WriteLine(words[0] switch
    {
        "prefill" => peer.Prefill(Number(1)),
        "decode" => peer.Decode(Number(1), Number(2), Number(3)),
        "memory" => Environment.WorkingSet,
        _ => double.NaN,
    });
}

return 0;
